//! The calls against a stand-in for AWS.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

use std::fs;

use lablink_aws_calls::{
    Aws, CallError, Found, Keys, Role,
    ec2::{Check, RootDisk, Trial},
};
use lablink_test_cloud::{Cloud, with_cloud};
use serde_json::{Value, json};

const GPU: &str = "g4dn.xlarge";

async fn aws() -> Aws {
    Aws::find(Found::default()).await
}

fn assert_near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
}

/// Machines with a tag of their own; their ids.
fn launch(cloud: &Cloud, count: u32, class: &str, market: &Value) -> Vec<String> {
    let tags = json!([{"ResourceType": "instance", "Tags": [
        {"Key": "Class", "Value": class}, {"Key": "Empty", "Value": ""}]}]);
    let mut asked = json!({"ImageId": cloud.image(), "InstanceType": GPU, "MinCount": count,
        "MaxCount": count, "TagSpecifications": tags});
    if !market.is_null() {
        asked["InstanceMarketOptions"] = market.clone();
    }
    let made = cloud.call("ec2", "run_instances", &asked);
    let machines = made["Instances"].as_array().unwrap().iter();
    machines.map(|machine| machine["InstanceId"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_a_launch_needs_to_know_is_told() {
    with_cloud("what_a_launch_needs_to_know_is_told", &[], async |cloud| {
        let aws = aws().await;
        let types = aws.machine_types(&[GPU, "t3.micro", "x9.nothing"]).await.unwrap();
        assert_eq!(types.len(), 2, "{types:?}");
        let gpu = types.iter().find(|found| found.name == GPU).unwrap();
        assert_eq!((gpu.vcpus, gpu.memory_mib, gpu.spot), (4, 16 * 1024, true));
        assert_eq!((gpu.gpus[0].count, gpu.gpus[0].manufacturer.as_str()), (1, "NVIDIA"));
        assert_eq!(gpu.architectures, ["x86_64"]);
        assert!(types.iter().any(|found| found.name == "t3.micro" && found.gpus.is_empty()));

        assert!(aws.zones_with(GPU).await.unwrap().contains(&"us-west-2a".to_owned()));
        assert!(aws.zones_with("x9.nothing").await.unwrap().is_empty());

        let image = aws.image(&cloud.image()).await.unwrap().unwrap();
        assert_eq!((image.state.as_str(), image.architecture.as_str()), ("available", "x86_64"));
        assert!(image.root_gb.is_some() && !image.root_device.is_empty(), "{image:?}");
        assert_eq!(aws.image("ami-00000000000000000").await.unwrap(), None);

        assert_near(aws.ec2_quota("L-DB2E81BA").await.unwrap(), 512.0);
        cloud.does(&["fault", "quota", "32", "--family", "g"]);
        assert_near(aws.ec2_quota("L-DB2E81BA").await.unwrap(), 32.0);
        assert!(matches!(
            aws.ec2_quota("L-NOTHING0").await.unwrap_err(),
            CallError::Refused { code, .. } if code == "NoSuchResourceException"
        ));

        let price = aws.price(GPU).await.unwrap().unwrap();
        assert_near(price.per_hour, 0.526);
        assert_eq!(price.currency, "USD");
        assert_eq!(aws.price("x9.nothing").await.unwrap(), None);
        let spot = aws.spot_prices(GPU).await.unwrap();
        assert!(!spot.is_empty() && spot.iter().all(|(_, price)| *price < 0.526), "{spot:?}");
    });
}

#[test]
fn machines_are_found_by_tag_and_by_id_and_can_be_ended() {
    let name = "machines_are_found_by_tag_and_by_id_and_can_be_ended";
    with_cloud(name, &[], async |cloud| {
        let aws = aws().await;
        let ours = launch(&cloud, 3, "ours & \"theirs\"", &Value::Null);
        launch(&cloud, 1, "others", &Value::Null);

        let tags = [("Class", "ours & \"theirs\""), ("Empty", "")];
        let found = aws.instances_by_tags(&tags).await.unwrap();
        let mut ids: Vec<_> = found.iter().map(|machine| machine.id.clone()).collect();
        ids.sort();
        let mut expected = ours.clone();
        expected.sort();
        assert_eq!(ids, expected);
        let one = &found[0];
        assert_eq!((one.machine_type.as_str(), one.runs(), one.is_spot), (GPU, true, false));
        assert_eq!((one.tag("Class"), one.tag("Empty")), (Some("ours & \"theirs\""), Some("")));
        assert!(one.zone.starts_with("us-west-2") && one.private_ip.is_some());
        assert!(one.launched_at.is_some());
        assert_eq!(aws.running_instances().await.unwrap().len(), 4);

        // One that EC2 has never heard of does not hide the others.
        let asked = [ours[0].as_str(), "i-00000000000000000"];
        assert_eq!(aws.instances_by_id(&asked).await.unwrap().len(), 1);

        aws.reboot(&ours[..1]).await.unwrap();
        aws.terminate(&ours[..2]).await.unwrap();
        let left = aws.instances_by_tags(&tags).await.unwrap();
        assert_eq!(left.iter().filter(|machine| machine.runs()).count(), 1);
        let ended = left.iter().find(|machine| machine.id == ours[0]).unwrap();
        assert!(ended.reason.as_ref().unwrap().code.contains("UserInitiated"), "{ended:?}");
    });
}

#[test]
fn the_health_of_machines_and_the_end_of_spot_are_told() {
    let name = "the_health_of_machines_and_the_end_of_spot_are_told";
    with_cloud(name, &[], async |cloud| {
        let aws = aws().await;
        let spot = json!({"MarketType": "spot"});
        let ids = [launch(&cloud, 1, "a", &Value::Null), launch(&cloud, 1, "b", &spot)].concat();
        let plain = aws.health(&ids).await.unwrap();
        assert_eq!(plain.len(), 2);
        assert!(plain.iter().all(|one| one.instance == Check::Passed && one.events.is_empty()));

        cloud.does(&["fault", "status", "impaired", "--instance", &ids[0], "--check", "system"]);
        cloud.does(&["fault", "event", "instance-retirement", "--instance", &ids[0]]);
        let found = aws.health(&ids[..1]).await.unwrap().remove(0);
        assert_eq!((found.system, found.instance), (Check::Failed, Check::Passed));
        let event = &found.events[0];
        assert_eq!((event.code.as_str(), event.is_over), ("instance-retirement", false));
        assert!(event.begins_at.unwrap() > jiff::Timestamp::now());

        let requests = aws.spot_requests(&ids).await.unwrap();
        assert_eq!(requests.len(), 1, "a machine on demand has none");
        assert!(!requests[0].is_noticed() && requests[0].instance_id.as_ref() == Some(&ids[1]));
        assert!(aws.instances_by_id(&ids[1..]).await.unwrap()[0].is_spot);
        cloud.does(&["interrupt", &ids[1], "--after", "120"]);
        assert!(aws.spot_requests(&ids).await.unwrap()[0].is_noticed());
    });
}

#[test]
fn dry_runs_try_rights_and_make_nothing() {
    with_cloud("dry_runs_try_rights_and_make_nothing", &[], async |cloud| {
        let aws = aws().await;
        let subnet = aws.subnets(None).await.unwrap().remove(0);
        assert!(subnet.is_default && subnet.free > 1000);
        assert!(aws.subnets(Some(&subnet.vpc_id)).await.unwrap().contains(&subnet));
        let image = cloud.image();
        let tags = [("Environment", "test"), ("ManagedBy", "lablink-allocator")];
        let trial = Trial {
            machine_type: GPU,
            image: &image,
            subnet: Some(&subnet.id),
            security_group: None,
            root: Some(RootDisk { device: "/dev/sda1", gb: 80 }),
            is_spot: false,
            tags: &tags,
        };
        aws.try_launch(&trial).await.unwrap();
        aws.try_launch(&Trial { is_spot: true, ..trial.clone() }).await.unwrap();
        aws.try_security_group("lablink-tried", &subnet.vpc_id, &tags).await.unwrap();
        aws.try_key_pair("lablink-tried", &tags).await.unwrap();
        assert!(aws.running_instances().await.unwrap().is_empty());
        assert!(aws.security_groups("lablink-tried").await.unwrap().is_empty());

        cloud.does(&["fault", "deny", "--action", "RunInstances"]);
        let refused = aws.try_launch(&trial).await.unwrap_err();
        assert!(matches!(refused, CallError::NotAllowed { call: "RunInstances", .. }), "{refused}");
        let odd = Trial { image: "ami-00000000000000000", ..trial };
        cloud.does(&["fault", "clear"]);
        let refused = aws.try_launch(&odd).await.unwrap_err();
        assert_eq!(refused.code(), Some("InvalidAMIID.NotFound"));
    });
}

/// The four ways not to answer, in each protocol.
#[test]
fn refusals_are_told_apart() {
    with_cloud("refusals_are_told_apart", &[], async |cloud| {
        let aws = aws().await;
        cloud.does(&["fault", "deny"]);
        let by_xml = aws.running_instances().await.unwrap_err();
        assert!(matches!(by_xml, CallError::NotAllowed { .. }), "{by_xml}");
        let by_json = aws.ec2_quota("L-DB2E81BA").await.unwrap_err();
        assert!(matches!(by_json, CallError::NotAllowed { .. }), "{by_json}");

        cloud.does(&["fault", "clear"]);
        // Once is repeated, and goes unnoticed.
        cloud.does(&["fault", "throttle", "--times", "1"]);
        aws.running_instances().await.unwrap();
        cloud.does(&["fault", "throttle"]);
        let throttled = aws.running_instances().await.unwrap_err();
        assert!(matches!(throttled, CallError::Throttled { .. }), "{throttled}");

        cloud.does(&["fault", "clear"]);
        cloud.does(&["fault", "credentials", "expired"]);
        let ended = aws.running_instances().await.unwrap_err();
        assert!(matches!(ended, CallError::Credentials { .. }), "{ended}");
        let ended = aws.caller().await.unwrap_err();
        assert!(matches!(ended, CallError::Credentials { .. }), "{ended}");

        cloud.does(&["fault", "clear"]);
        cloud.does(&["fault", "outage"]);
        let silent = aws.running_instances().await.unwrap_err();
        assert!(matches!(silent, CallError::NoAnswer { .. }), "{silent}");
    });
}

#[test]
fn roles_and_profiles_are_taken_on_with_their_rights_and_end() {
    let name = "roles_and_profiles_are_taken_on_with_their_rights_and_end";
    with_cloud(name, &["--enforce-rights"], async |cloud| {
        let trust = json!({"Version": "2012-10-17", "Statement": []}).to_string();
        let made = json!({"RoleName": "lablink", "AssumeRolePolicyDocument": trust});
        let arn = cloud.call("iam", "create_role", &made)["Role"]["Arn"].clone();
        let rights = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"}]});
        cloud.call(
            "iam",
            "put_role_policy",
            &json!({"RoleName": "lablink", "PolicyName": "p", "PolicyDocument": rights.to_string()}),
        );
        let role = Role {
            arn: arn.as_str().unwrap().to_owned(),
            external_id: Some("class".to_owned()),
            session_name: "lablink".to_owned(),
        };
        let aws = aws().await;
        assert_eq!(aws.caller().await.unwrap().expires_at, None);
        let in_role = aws.in_role(&role).await;
        let caller = in_role.caller().await.unwrap();
        assert!(caller.arn.contains(":assumed-role/lablink/lablink"), "{caller:?}");
        assert!(caller.expires_at.unwrap() > jiff::Timestamp::now());
        in_role.running_instances().await.unwrap();
        let refused = in_role.zones_with(GPU).await.unwrap_err();
        assert!(matches!(refused, CallError::NotAllowed { .. }), "{refused}");

        // Its keys work elsewhere, as typed ones.
        let keys = in_role.keys().await.unwrap();
        assert!(keys.session_token.is_some() && keys.expires_at.is_some());
        let typed = aws.with_keys(&keys);
        assert_eq!(typed.caller().await.unwrap().expires_at, keys.expires_at);
        let refused = typed.zones_with(GPU).await.unwrap_err();
        assert!(matches!(refused, CallError::NotAllowed { .. }), "{refused}");

        cloud.call("iam", "create_user", &json!({"UserName": "lab"}));
        let made = cloud.call("iam", "create_access_key", &json!({"UserName": "lab"}));
        let key = |name: &str| made["AccessKey"][name].as_str().unwrap().to_owned();
        let profile = format!(
            "\n[profile lab]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            key("AccessKeyId"),
            key("SecretAccessKey")
        );
        let before = fs::read_to_string(cloud.profiles()).unwrap();
        fs::write(cloud.profiles(), before + &profile).unwrap();
        let found = Found { region: None, profile: Some("lab".to_owned()) };
        let caller = Aws::find(found).await.caller().await.unwrap();
        assert!(caller.arn.ends_with(":user/lab"), "{caller:?}");
    });
}

#[test]
fn what_a_deployment_left_is_found_and_removed() {
    let name = "what_a_deployment_left_is_found_and_removed";
    with_cloud(name, &["--bucket", "states"], async |cloud| {
        let aws = aws().await;
        assert!(aws.has_bucket("states").await.unwrap());
        assert!(!aws.has_bucket("nobodys").await.unwrap());
        assert_eq!(aws.text("states", "prod/it.json").await.unwrap(), None);
        aws.put_text("states", "prod/it.json", "{}".to_owned()).await.unwrap();
        aws.put_text("states", "test/it.json", "{}".to_owned()).await.unwrap();
        assert_eq!(aws.text("states", "prod/it.json").await.unwrap().as_deref(), Some("{}"));
        assert_eq!(aws.keys_in("states", "prod/").await.unwrap(), ["prod/it.json"]);
        assert!(aws.keys_in("nobodys", "").await.unwrap().is_empty());

        let tags = [("Environment", "prod"), ("ManagedBy", "lablink-infra")];
        let pairs = tags.map(|(key, value)| json!({"Key": key, "Value": value}));
        let of = |kind: &str| json!([{"ResourceType": kind, "Tags": pairs}]);
        let zone = "us-west-2a";
        let volume =
            json!({"AvailabilityZone": zone, "Size": 1, "TagSpecifications": of("volume")});
        let volume = cloud.call("ec2", "create_volume", &volume)["VolumeId"].clone();
        let plain = json!({"AvailabilityZone": zone, "Size": 1});
        cloud.call("ec2", "create_volume", &plain);
        let address = json!({"Domain": "vpc", "TagSpecifications": of("elastic-ip")});
        cloud.call("ec2", "allocate_address", &address);
        let found = aws.tagged(&tags).await.unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().any(|it| it.kind == "volume" && it.id == volume.as_str().unwrap()));
        assert!(aws.tagged(&[("Environment", "other"), tags[1]]).await.unwrap().is_empty());
        let addresses = aws.addresses("Environment", "prod").await.unwrap();
        assert!(!addresses[0].is_attached && addresses[0].tags["ManagedBy"] == "lablink-infra");
        let id = volume.as_str().unwrap();
        assert_eq!(aws.volume_gib(id).await.unwrap(), Some(1));
        assert_eq!(aws.snapshot_gib("snap-00000000000000000").await.unwrap(), None);
        for it in &found {
            assert!(aws.is_there(&it.id).await.unwrap(), "{it:?}");
            assert!(aws.remove(&it.id).await.unwrap(), "{it:?}");
        }
        assert!(aws.addresses("Environment", "prod").await.unwrap().is_empty());
        assert!(!aws.is_there(id).await.unwrap());
        assert!(aws.remove(id).await.unwrap(), "somebody else was quicker");
        assert!(!aws.remove("i-1").await.unwrap());

        cloud.call("logs", "create_log_group", &json!({"logGroupName": "lablink-prod-2"}));
        assert!(!aws.has_log_group("lablink-prod").await.unwrap());
        assert!(aws.has_log_group("lablink-prod-2").await.unwrap());
        assert!(aws.last_log_lines("lablink-prod-2", 5).await.unwrap().is_empty());
        aws.delete_log_group("lablink-prod-2").await.unwrap();
        assert!(!aws.has_log_group("lablink-prod-2").await.unwrap());

        let secret = json!({"Name": "/lablink/prod/it", "Value": "s", "Type": "SecureString"});
        cloud.call("ssm", "put_parameter", &secret);
        assert_eq!(aws.parameter("/lablink/prod/it").await.unwrap().as_deref(), Some("s"));
        assert_eq!(aws.parameter("/lablink/prod/other").await.unwrap(), None);
        let id = &launch(&cloud, 1, "console", &Value::Null)[0];
        aws.console(id).await.unwrap();
    });
}

#[tokio::test]
async fn nothing_secret_is_shown() {
    let keys = Keys {
        access_key_id: "AKIA".to_owned(),
        secret_access_key: "hidden".to_owned(),
        session_token: Some("hidden".to_owned()),
        expires_at: None,
    };
    let shown = format!("{keys:?} {:?}", aws().await.with_keys(&keys));
    assert!(shown.contains("AKIA") && !shown.contains("hidden"), "{shown}");
}
