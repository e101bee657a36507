use std::collections::HashMap;

use lablink_aws_calls::{CallError, ec2::Instance};
use lablink_core::aws::{
    Answer, AwsKeys, CloudError, CloudMachine, CloudMachines, Kept, Owner, Told,
};

use crate::{Account, health::how_are};

const ENVIRONMENT: &str = "Environment";
const DEPLOYMENT: &str = "Deployment";
/// Of a pool other than the default one.
const POOL: &str = "Pool";
/// What `terraform/aws` puts on all that it makes.
const OURS: (&str, &str) = ("ManagedBy", "lablink-allocator");

impl CloudMachines for Account {
    fn machines<'a>(
        &'a self,
        keys: Option<&'a AwsKeys>,
        owner: &'a Owner,
    ) -> Answer<'a, Vec<CloudMachine>> {
        Box::pin(async move {
            let aws = self.in_session(keys);
            let tags = [OURS, (ENVIRONMENT, owner.environment.as_str())];
            let found = aws.instances_by_tags(&tags).await;
            let found = found.map_err(|error| refused("list the machines", &error))?;
            let theirs = found.into_iter().filter(|it| is_there(it) && belongs(it, owner));
            Ok(theirs.map(machine).collect())
        })
    }

    fn how_are<'a>(
        &'a self,
        keys: Option<&'a AwsKeys>,
        ids: &'a [String],
    ) -> Answer<'a, HashMap<String, Told>> {
        Box::pin(async move {
            let told = how_are(&self.with(keys).await, ids).await;
            told.map_err(|error| refused("say how the machines are", &error))
        })
    }

    fn reboot<'a>(&'a self, keys: Option<&'a AwsKeys>, ids: &'a [String]) -> Answer<'a, ()> {
        Box::pin(async move {
            let rebooted = self.in_session(keys).reboot(ids).await;
            rebooted.map_err(|error| refused("reboot the machine", &error))
        })
    }

    fn end<'a>(&'a self, keys: Option<&'a AwsKeys>, ids: &'a [String]) -> Answer<'a, ()> {
        Box::pin(async move {
            let ended = self.in_session(keys).terminate(ids).await;
            ended.map_err(|error| refused("end the machines", &error))
        })
    }

    fn keep<'a>(&'a self, keys: Option<&'a AwsKeys>, kept: &'a Kept) -> Answer<'a, ()> {
        Box::pin(async move {
            let Kept { bucket, key, text } = kept;
            let put = self.in_session(keys).put_text(bucket, key, text.clone()).await;
            put.map_err(|error| refused("take the text into the bucket", &error))
        })
    }
}

fn is_there(instance: &Instance) -> bool {
    !matches!(instance.state.as_str(), "shutting-down" | "terminated")
}

/// A deployment without a name has no instance that bears one.
fn belongs(instance: &Instance, owner: &Owner) -> bool {
    let deployment = owner.deployment.as_deref();
    instance.tag(DEPLOYMENT) == deployment && instance.tag(POOL).is_none()
}

fn machine(instance: Instance) -> CloudMachine {
    let tag = |key| instance.tag(key).map(str::to_owned);
    let (name, operation) = (tag("Name").unwrap_or_default(), tag("Operation"));
    CloudMachine { id: instance.id, name, operation }
}

fn refused(wish: &'static str, error: &CallError) -> CloudError {
    CloudError { wish, said: error.to_string() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn instance(tags: &[(&str, &str)]) -> Instance {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Instance {
            id: "i-0".to_owned(),
            machine_type: String::new(),
            state: "running".to_owned(),
            reason: None,
            transition: None,
            zone: String::new(),
            private_ip: None,
            public_ip: None,
            spot_request: None,
            is_spot: false,
            launched_at: None,
            tags: tags.collect::<BTreeMap<_, _>>(),
        }
    }

    #[test]
    fn a_sweep_takes_what_is_its_own_deployment_s_and_nothing_else() {
        let of = |name: Option<&str>| Owner {
            environment: "test".to_owned(),
            deployment: name.map(str::to_owned),
        };
        for (tags, owner, expected) in [
            (&[][..], of(None), true),
            (&[], of(Some("biology")), false),
            (&[(DEPLOYMENT, "biology")], of(Some("biology")), true),
            (&[(DEPLOYMENT, "biology")], of(Some("physics")), false),
            (&[(DEPLOYMENT, "biology")], of(None), false),
            (&[(POOL, "friday")], of(None), false),
        ] {
            assert_eq!(belongs(&instance(tags), &owner), expected, "{tags:?} {owner:?}");
        }
    }
}
