use std::fmt;

use crate::syntax::{Parsed, one_of};

/// Where VMs come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// EC2 instances, made by Terraform.
    Aws,
    /// Processes on the allocator's own machine, made by Terraform.
    Local,
    /// Machines that somebody already has and registers by hand.
    Manual,
}

impl ProviderKind {
    const CHOICES: [(&str, Self); 3] =
        [("aws", Self::Aws), ("local", Self::Local), ("manual", Self::Manual)];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Local => "local",
            Self::Manual => "manual",
        }
    }

    pub(crate) fn parse(text: &str) -> Parsed<Self> {
        one_of(&Self::CHOICES, text)
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
