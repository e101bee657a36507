//! What goes wrong on the way up and down, and that the same call goes on from there.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::cloud::Stage;

const GROUP: &str = "lablink-cloud-init-test";

#[tokio::test]
#[ignore = "minutes: make test-deployment"]
async fn a_deployment_that_breaks_is_taken_down_or_goes_on_and_its_host_outlives_its_vms()
-> Result<()> {
    let Some(mut stage) = Stage::new()? else { return Ok(()) };
    stage.write_config()?;
    stage.lablink.json(&["setup", "--environment", "test", "--yes"]).await?;
    stage.deploys();

    // A function that ended late has written its last lines after the destroy before.
    stage.cloud.call("logs", "create_log_group", &json!({ "logGroupName": GROUP }));
    stage.cloud.does(&["fault", "deny", "--action", "RunInstances"]);
    let deploy = stage.words(&["deploy", "--yes", "--wait", "120", "--json"]);
    let failed = stage.lablink.call(&deploy).await?.ends(1)?;
    assert!(
        failed.err.contains("taken down again") && failed.err.contains("RunInstances"),
        "{failed:?}"
    );
    assert_eq!(stage.tagged("ManagedBy", "lablink-infra")?, [""; 0]);
    stage.cloud.does(&["fault", "clear"]);

    let deployed = stage.lablink.call(&deploy).await?.well()?.json()?;
    assert!(deployed["url"].as_str().is_some_and(|url| url.starts_with("http://127.79.")));

    let lost = lost_machine(&stage)?;
    stage.cloud.does(&["fault", "deny", "--action", "TerminateInstances"]);
    let destroy = stage.words(&["destroy", "--name", "test", "--json"]);
    let failed = stage.lablink.call(&destroy).await?.ends(1)?;
    assert!(failed.err.contains("the host stays"), "{failed:?}");
    stage.host()?;
    stage.cloud.does(&["fault", "clear"]);
    let gone = stage.lablink.call(&destroy).await?.well()?.json()?;
    assert_eq!(gone["swept"], json!([lost]), "{gone}");
    for maker in ["lablink-infra", "lablink-allocator"] {
        assert_eq!(stage.left_of(maker)?, [""; 0]);
    }

    cleaned(&stage).await
}

/// What is left is listed with its price and removed; what somebody made to last is not, and where a
/// state can't be read nothing is.
async fn cleaned(stage: &Stage) -> Result<()> {
    let volume = json!({ "AvailabilityZone": "us-west-2a", "Size": 10,
                         "TagSpecifications": tags("volume", "lablink-infra") });
    let volume = stage.cloud.call("ec2", "create_volume", &volume)["VolumeId"].clone();
    let lasting = json!({ "Domain": "vpc", "TagSpecifications": [{ "ResourceType": "elastic-ip",
        "Tags": [{ "Key": "Name", "Value": "lablink-eip-test" },
                 { "Key": "Environment", "Value": "test" }] }] });
    let lasting = stage.cloud.call("ec2", "allocate_address", &lasting)["AllocationId"].clone();
    stage.cloud.call("logs", "create_log_group", &json!({ "logGroupName": GROUP }));
    // Somebody else's, who has a test of their own.
    let other = json!({ "AvailabilityZone": "us-west-2a", "Size": 1,
                        "TagSpecifications": tags("volume", "somebody") });
    let other = stage.cloud.call("ec2", "create_volume", &other)["VolumeId"].clone();
    let database = json!({ "DBInstanceIdentifier": "lablink-test", "Engine": "postgres",
        "DBInstanceClass": "db.t4g.small", "AllocatedStorage": 20, "MasterUsername": "lablink",
        "MasterUserPassword": "of-no-use-to-anybody",
        "Tags": tags("", "lablink-infra")[0]["Tags"] });
    stage.cloud.call("rds", "create_db_instance", &database);

    let found = stage.lablink.json(&stage.words(&["cleanup", "--check"])).await?;
    let left = found["left"].as_array().context("no list")?;
    let of = |id: &Value| left.iter().find(|it| it["id"] == *id).context("not listed");
    ensure!(of(&volume)?["usd_per_month"] == json!(0.8), "{found}");
    ensure!(of(&lasting)?["removable"] == false, "{found}");
    ensure!(of(&json!("lablink-test"))?["kind"] == "rds db", "{found}");
    ensure!(of(&other).is_err(), "{found}");
    let no_reading = json!({ "Version": "2012-10-17",
        "Statement": [{ "Effect": "Deny", "Action": "s3:GetObject", "Resource": "*" }] });
    let policy = json!({ "RoleName": "lablink-deploy-us-west-2", "PolicyName": "no-reading" });
    let mut denied = policy.clone();
    denied["PolicyDocument"] = no_reading.to_string().into();
    stage.cloud.call("iam", "put_role_policy", &denied);
    let refused = stage.lablink.call(&stage.words(&["cleanup", "--yes"])).await?.ends(3)?;
    ensure!(refused.err.contains("can't be read"), "{refused:?}");
    stage.cloud.call("iam", "delete_role_policy", &policy);
    let cleaned = stage.lablink.json(&stage.words(&["cleanup", "--yes"])).await?;
    let removed = cleaned["removed"].as_array().context("no list")?;
    assert!(removed.contains(&volume) && removed.contains(&json!(GROUP)), "{cleaned}");
    assert!(!removed.contains(&lasting), "{cleaned}");
    let on_the_host = ["cleanup", "--environment", "dev", "--yes"];
    let refused = stage.lablink.call(&on_the_host).await?.ends(3)?;
    assert!(refused.err.contains("host's disk"), "{refused:?}");
    Ok(())
}

/// A machine that a launch made which was cut off: no state knows it.
fn lost_machine(stage: &Stage) -> Result<Value> {
    let asked = json!({ "ImageId": stage.image()?, "InstanceType": "t3.small", "MinCount": 1,
        "MaxCount": 1, "TagSpecifications": tags("instance", "lablink-allocator") });
    Ok(stage.cloud.call("ec2", "run_instances", &asked)["Instances"][0]["InstanceId"].clone())
}

fn tags(kind: &str, maker: &str) -> Value {
    json!([{ "ResourceType": kind, "Tags": [
        { "Key": "Environment", "Value": "test" }, { "Key": "ManagedBy", "Value": maker }] }])
}
