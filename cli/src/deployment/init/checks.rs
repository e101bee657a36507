//! Whether an answer is a good one, as far as AWS and the name system tell.

use std::time::Duration;

use anyhow::{Context, Result};
use lablink_aws_calls::{Aws, Found, ec2::MachineType};
use tokio::{net::lookup_host, time::timeout};

use super::answer::Verdict::{self, Bad, Good};

const LOOKUP: Duration = Duration::from_secs(5);

/// What is asked of a region.
pub struct Checks {
    aws: Aws,
}

pub async fn region(region: &str) -> Result<Verdict> {
    let aws = Aws::find(Found { region: Some(region.to_owned()), profile: None }).await;
    let caller = aws.caller().await;
    let caller = match caller {
        Ok(caller) => caller,
        Err(error) => return Ok(Bad(format!("AWS does not answer there: {error}"))),
    };
    Ok(Good(format!("account {}, as {}", caller.account, caller.arn)))
}

/// Whether it resolves does not matter yet: the record may be made later.
pub async fn domain(name: &str) -> Result<Verdict> {
    if name == "-" {
        return Ok(Good("it is reached by its address".to_owned()));
    }
    let is_label = |label: &str| {
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty()
            && label.len() < 64
            && label.bytes().all(is_inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !name.contains('.') || !name.split('.').all(is_label) {
        return Ok(Bad("it must be a whole host name, such as lablink.example.org".to_owned()));
    }
    Ok(match timeout(LOOKUP, lookup_host((name, 443))).await {
        Ok(Ok(mut found)) => match found.next() {
            Some(at) => Good(format!("it leads to {} today", at.ip())),
            None => Good("it leads nowhere yet".to_owned()),
        },
        _ => Good("it leads nowhere yet".to_owned()),
    })
}

pub async fn email(email: &str) -> Result<Verdict> {
    let is_one =
        email.split_once('@').is_some_and(|(name, at)| !name.is_empty() && at.contains('.'));
    Ok(if is_one { Good(String::new()) } else { Bad("it must be an e-mail address".to_owned()) })
}

pub async fn certificate(arn: &str) -> Result<Verdict> {
    let is_one =
        arn.starts_with("arn:aws") && arn.contains(":acm:") && arn.contains(":certificate/");
    Ok(if is_one {
        Good(String::new())
    } else {
        Bad("it must be the ARN of a certificate of ACM".to_owned())
    })
}

pub async fn bucket(name: &str) -> Result<Verdict> {
    let is_inner =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    let is_one = (3..=63).contains(&name.len())
        && name.bytes().all(is_inner)
        && !name.starts_with(['.', '-'])
        && !name.ends_with(['.', '-'])
        && !name.contains("..");
    let how = "it must have 3 to 63 of a-z, 0-9, '-' and '.'";
    Ok(if is_one { Good(String::new()) } else { Bad(how.to_owned()) })
}

impl Checks {
    pub fn new(aws: Aws) -> Self {
        Self { aws }
    }

    pub async fn machine_type(&self, name: &str) -> Result<Verdict> {
        let Some(found) = self.found(name).await? else {
            return Ok(Bad(format!("{} has no such type", self.aws.region())));
        };
        let zones = self.aws.zones_with(name).await?;
        if zones.is_empty() {
            return Ok(Bad(format!("no zone of {} offers it", self.aws.region())));
        }
        let gpus: Vec<_> =
            found.gpus.iter().map(|gpu| format!("{} × {}", gpu.count, gpu.name)).collect();
        let gpus = if gpus.is_empty() { "no GPU".to_owned() } else { gpus.join(", ") };
        let memory = found.memory_mib / 1024;
        Ok(Good(format!("{} vCPUs, {memory} GiB, {gpus}, in {}", found.vcpus, zones.join(", "))))
    }

    pub async fn image(&self, id: &str, machine_type: &str) -> Result<Verdict> {
        let Some(image) = self.aws.image(id).await? else {
            return Ok(Bad(format!(
                "{} has no image of this id that you may use",
                self.aws.region()
            )));
        };
        if image.state != "available" {
            return Ok(Bad(format!("it is {}", image.state)));
        }
        let architectures = self.found(machine_type).await?.map(|it| it.architectures);
        if architectures.is_some_and(|all| !all.contains(&image.architecture)) {
            let why = format!("it is of {}, which {machine_type} does not run", image.architecture);
            return Ok(Bad(why));
        }
        Ok(Good(image.name))
    }

    /// A quota that is too small is told, and can be raised later; so is a price that nobody knows.
    pub async fn count(&self, count: &str, machine_type: &str) -> Result<Verdict> {
        let Some(count) = count.parse::<u32>().ok().filter(|count| *count > 0) else {
            return Ok(Bad("it must be a whole number from 1".to_owned()));
        };
        let found = self.found(machine_type).await?.context("the type is gone")?;
        let mut notes = Vec::new();
        let needed = found.vcpus.saturating_mul(count);
        match quota_code(machine_type) {
            None => notes.push("which quota counts is unknown".to_owned()),
            Some(code) => match self.aws.ec2_quota(code).await {
                Ok(quota) if quota < f64::from(needed) => notes.push(format!(
                    "the quota {code} admits {quota} vCPUs, and {count} machines have {needed}: ask AWS for more"
                )),
                Ok(quota) => notes.push(format!("{needed} vCPUs of a quota of {quota}")),
                Err(error) => notes.push(format!("the quota is unknown: {error}")),
            },
        }
        match self.aws.price(machine_type).await {
            Ok(Some(price)) => {
                let all = price.per_hour * f64::from(count);
                notes.push(format!("{all:.2} {} an hour while all run", price.currency));
            }
            Ok(None) => notes.push("its price is not in AWS's list".to_owned()),
            Err(error) => notes.push(format!("its price is unknown: {error}")),
        }
        Ok(Good(notes.join("; ")))
    }

    async fn found(&self, name: &str) -> Result<Option<MachineType>> {
        Ok(self.aws.machine_types(&[name]).await?.into_iter().next())
    }
}

/// Of the vCPUs of this type's family, on demand.
fn quota_code(machine_type: &str) -> Option<&'static str> {
    let family: String = machine_type.chars().take_while(char::is_ascii_alphabetic).collect();
    Some(match family.as_str() {
        "g" | "gr" | "vt" => "L-DB2E81BA",
        "p" => "L-417A185B",
        "a" | "c" | "d" | "h" | "i" | "im" | "is" | "m" | "r" | "t" | "z" => "L-1216C47A",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_good(verdict: Result<Verdict>) -> bool {
        matches!(verdict, Ok(Good(_)))
    }

    #[tokio::test]
    async fn names_and_addresses_are_looked_at() {
        for (name, good) in
            [("-", true), ("lab", false), ("https://x.org", false), ("x..org", false)]
        {
            assert_eq!(is_good(domain(name).await), good, "{name}");
        }
        for (name, good) in [("our-states", true), ("Our", false), ("a..b", false), ("-a-", false)]
        {
            assert_eq!(is_good(bucket(name).await), good, "{name}");
        }
        assert!(is_good(email("me@example.org").await) && !is_good(email("me").await));
        assert!(!is_good(certificate("arn:aws:iam::1:x").await));
        assert_eq!(quota_code("g4dn.xlarge"), quota_code("g5.xlarge"));
        assert_eq!(quota_code("x9.huge"), None);
    }
}
