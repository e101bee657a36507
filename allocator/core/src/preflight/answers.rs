/// What AWS said to one question.
pub type Answer<T> = Result<T, NoAnswer>;

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The identity lacks the right to ask, as `ec2:DescribeImages`.
    #[error("the right {0} is missing")]
    NotAllowed(String),
    /// There are no credentials that work, so no question has an answer. AWS's reason.
    #[error("{0}")]
    NoLogin(String),
    #[error("{0}")]
    Failed(String),
}

/// All that AWS said.
#[derive(Clone, Debug)]
pub struct Answers {
    /// None: there is no such type in the region.
    pub machine: Answer<Option<MachineType>>,
    /// Those of the plan's other types that the region has.
    pub others: Answer<Vec<MachineType>>,
    /// The zones that offer the type, in order.
    pub zones: Answer<Vec<String>>,
    /// None: this identity sees no such image in the region.
    pub image: Answer<Option<Image>>,
    /// The quota that the machines count against.
    pub quota: Answer<Quota>,
    /// Of one machine. None: AWS's price list does not have it.
    pub price: Answer<Option<Price>>,
    /// What a launch does, each tried without doing it.
    pub rights: Vec<Tried>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineType {
    /// As in `g4dn.xlarge`.
    pub name: String,
    pub vcpus: u32,
    /// NVIDIA's: agents and containers know no others.
    pub gpus: u32,
    /// As in `T4`; empty without one.
    pub gpu_name: String,
    /// As in `x86_64`, `arm64`.
    pub architectures: Vec<String>,
    /// Whether it can be had as spot.
    pub spot: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// `available`, or why it can't be used.
    pub state: String,
    pub architecture: String,
    /// What its root disk needs at least, where AWS says it.
    pub root_gb: Option<u32>,
}

/// In vCPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub limit: u32,
    /// By what runs in the account's region, whoever launched it.
    pub used: u32,
    /// By VMs of the pool's launches for which AWS was not asked yet.
    pub coming: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    pub per_hour: f64,
    /// As in `USD`.
    pub currency: String,
}

/// A call that a launch makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// As in `RunInstances`.
    pub call: &'static str,
    pub outcome: Answer<Right>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Right {
    Given,
    /// It would fail. AWS's reason.
    Refused(String),
}

impl MachineType {
    /// Whether a machine of this type can do what one of the other can: it has a GPU if the other has
    /// one, and runs the same image.
    pub fn stands_in_for(&self, other: &Self) -> bool {
        let shares = self.architectures.iter().any(|it| other.architectures.contains(it));
        (self.gpus > 0) == (other.gpus > 0) && shares
    }
}

impl Answers {
    /// Counts so many more machines of the plan's type, which launches will make, against the quota.
    pub(super) fn expect(&mut self, machines: u32) {
        if let (Ok(quota), Ok(Some(machine))) = (&mut self.quota, &self.machine) {
            quota.coming = machines.saturating_mul(machine.vcpus);
        }
    }

    /// Where one reason keeps every question from its answer.
    pub fn none(why: &NoAnswer) -> Self {
        Self {
            machine: Err(why.clone()),
            others: Err(why.clone()),
            zones: Err(why.clone()),
            image: Err(why.clone()),
            quota: Err(why.clone()),
            price: Err(why.clone()),
            rights: Vec::new(),
        }
    }
}
