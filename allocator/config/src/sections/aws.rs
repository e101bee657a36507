use crate::{
    section::Section,
    syntax::{non_empty, role_arn},
};

/// `aws`: whose rights LabLink has in AWS. Keys that are typed on the page AWS come before `profile`.
#[derive(Clone, Debug)]
pub struct Aws {
    /// A profile of the AWS configuration of LabLink's user; none: the environment's, the default one, or
    /// the machine's role.
    pub profile: Option<String>,
    /// A role that is taken on with those rights; none: LabLink works with them as they are.
    pub role_arn: Option<String>,
    /// What a role of another account asks for.
    pub external_id: Option<String>,
}

impl Aws {
    pub(crate) fn read(aws: &mut Section<'_>) -> Self {
        Self {
            profile: aws.value("profile", non_empty),
            role_arn: aws.value("role_arn", role_arn),
            external_id: aws.value("external_id", non_empty),
        }
    }
}
