use crate::{
    section::Section,
    syntax::{Parsed, non_empty, one_of},
};

/// `eip`: the allocator's public address. Read by the infrastructure module only.
#[derive(Clone, Debug)]
pub struct Eip {
    /// `dynamic` or `persistent`; default `dynamic`.
    pub strategy: EipStrategy,
    /// The address carries the name tag `{tag_name}-{environment}`; default `lablink-eip`.
    pub tag_name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EipStrategy {
    /// A new address with each deployment.
    Dynamic,
    /// An address that exists already and outlives the deployment.
    Persistent,
}

impl EipStrategy {
    fn parse(text: &str) -> Parsed<Self> {
        one_of(&[("dynamic", Self::Dynamic), ("persistent", Self::Persistent)], text)
    }
}

impl Eip {
    pub(crate) fn read(eip: &mut Section<'_>) -> Self {
        Self {
            strategy: eip.value("strategy", EipStrategy::parse).unwrap_or(EipStrategy::Dynamic),
            tag_name: eip.value("tag_name", non_empty).unwrap_or_else(|| "lablink-eip".into()),
        }
    }
}
