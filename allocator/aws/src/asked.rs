use std::{future::Future, time::Duration};

use lablink_aws_calls::{Aws, CallError, ec2};
use lablink_core::preflight::{Answer, MachineType, NoAnswer, Plan};
use tokio::time::{Instant, timeout_at};

/// People wait for the page, and were promised five seconds.
const PATIENCE: Duration = Duration::from_millis(4500);

/// All that is asked about one plan.
pub struct Inquiry<'a> {
    pub plan: &'a Plan,
    pub asked: Asked,
}

/// AWS, with the end of our patience.
pub struct Asked {
    pub aws: Aws,
    until: Instant,
}

impl Asked {
    pub fn new(aws: Aws) -> Self {
        Self { aws, until: Instant::now() + PATIENCE }
    }

    /// The answer, or why there is none in time.
    pub async fn of<T>(
        &self,
        call: &str,
        answer: impl Future<Output = Result<T, CallError>>,
    ) -> Answer<T> {
        match timeout_at(self.until, answer).await {
            Ok(answer) => answer.map_err(no_answer),
            Err(_elapsed) => {
                Err(NoAnswer::Failed(format!("AWS did not answer {call} within 4.5 seconds")))
            }
        }
    }

    /// Those of these machine types that the region has.
    pub async fn machines(&self, names: &[&str]) -> Answer<Vec<MachineType>> {
        let found = self.of("DescribeInstanceTypes", self.aws.machine_types(names)).await?;
        Ok(found.into_iter().map(machine_type).collect())
    }
}

fn no_answer(error: CallError) -> NoAnswer {
    match error {
        CallError::NotAllowed { call, .. } => NoAnswer::NotAllowed(right(call)),
        CallError::Credentials { message, .. } => NoAnswer::NoLogin(message),
        other => NoAnswer::Failed(other.to_string()),
    }
}

/// As policies name it.
fn right(call: &str) -> String {
    let service = match call {
        "GetProducts" => "pricing",
        "GetServiceQuota" | "GetAWSDefaultServiceQuota" => "servicequotas",
        _ => "ec2",
    };
    format!("{service}:{call}")
}

/// GPUs of other makers count as none: neither agents nor containers know them.
fn machine_type(found: ec2::MachineType) -> MachineType {
    let mut nvidia = found.gpus.into_iter().filter(|gpu| gpu.manufacturer == "NVIDIA");
    let gpu = nvidia.next();
    MachineType {
        name: found.name,
        vcpus: found.vcpus,
        gpus: gpu.as_ref().map_or(0, |gpu| gpu.count),
        gpu_name: gpu.map(|gpu| gpu.name).unwrap_or_default(),
        architectures: found.architectures,
        spot: found.spot,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nvidias_gpus_count() {
        let with = |manufacturer: &str| {
            let gpu =
                ec2::Gpu { name: "X".to_owned(), manufacturer: manufacturer.to_owned(), count: 2 };
            machine_type(ec2::MachineType {
                name: "g4.large".to_owned(),
                vcpus: 4,
                memory_mib: 16,
                gpus: vec![gpu],
                architectures: Vec::new(),
                spot: true,
            })
        };
        assert_eq!((with("NVIDIA").gpus, with("AMD").gpus), (2, 0));
    }
}
