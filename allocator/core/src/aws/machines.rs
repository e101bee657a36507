use std::{collections::HashMap, future::Future, pin::Pin};

use super::{AwsKeys, Told};

/// A machine in the cloud that is there: it runs, or could again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudMachine {
    /// As in `i-0123456789abcdef0`.
    pub id: String,
    /// Its tag `Name`.
    pub name: String,
    /// Its tag `Operation`: what made it.
    pub operation: Option<String>,
}

/// Whose machines are meant, by the tags that all of them carry. A tag that is not named here must
/// not be on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The tag `Environment`.
    pub environment: String,
    /// The tag `Deployment`. None: a deployment without a name.
    pub deployment: Option<String>,
}

/// A text to keep in a bucket, encrypted there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub bucket: String,
    pub key: String,
    pub text: String,
}

/// Why the cloud did not do it, as it says itself.
#[derive(Debug, thiserror::Error)]
#[error("AWS did not {wish}: {said}")]
pub struct CloudError {
    /// As in `list the machines`.
    pub wish: &'static str,
    pub said: String,
}

pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, CloudError>> + Send + 'a>>;

/// What is asked of AWS beside Terraform, which knows only what is in its state. The allocator can be
/// built without. The keys are those that [`super::CloudIdentity::session`] gives.
pub trait CloudMachines: Send + Sync {
    /// The machines of an owner that are there.
    fn machines<'a>(
        &'a self,
        keys: Option<&'a AwsKeys>,
        owner: &'a Owner,
    ) -> Answer<'a, Vec<CloudMachine>>;

    /// How these machines are, by their ids. Those that it does not know any more are left out.
    fn how_are<'a>(
        &'a self,
        keys: Option<&'a AwsKeys>,
        ids: &'a [String],
    ) -> Answer<'a, HashMap<String, Told>>;

    /// Reboots machines, by their ids. They keep their disks and addresses.
    fn reboot<'a>(&'a self, keys: Option<&'a AwsKeys>, ids: &'a [String]) -> Answer<'a, ()>;

    /// Ends machines for good, by their ids.
    fn end<'a>(&'a self, keys: Option<&'a AwsKeys>, ids: &'a [String]) -> Answer<'a, ()>;

    /// Writes a text into a bucket, in place of what was there.
    fn keep<'a>(&'a self, keys: Option<&'a AwsKeys>, text: &'a Kept) -> Answer<'a, ()>;
}
