//! What the cloud of this machine announces: that it takes a spot machine back, or works on it.

mod announced;
mod metadata;

use clap::Args;
use lablink_protocol::CloudNotice;
use reqwest::Url;
use tokio::sync::watch;

pub use announced::watch;

/// The newest notice; none before the first answer, or where nobody is asked.
pub type Newest = watch::Receiver<Option<CloudNotice>>;

/// Where the agent learns of it.
#[derive(Args, Clone)]
pub struct CloudSettings {
    /// Address of the machine's metadata on AWS, http://169.254.169.254; without it nobody is asked
    #[arg(long, env = "AWS_EC2_METADATA_SERVICE_ENDPOINT", value_name = "URL")]
    pub instance_metadata: Option<Url>,
}
