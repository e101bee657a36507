//! Where machines of a cloud are made, when the cloud has no room where they were wanted first.

mod choose;
mod refusals;

pub use choose::{Choice, Offer};
pub use refusals::{Refusal, Refused, is_refused, planned, put_off, refusals};

use serde::{Deserialize, Serialize};

use crate::text_enum::text_enum;

/// As what and where a machine is made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// As in `g4dn.xlarge`.
    pub machine_type: String,
    /// The availability zone, as in `us-west-2a`.
    #[serde(rename = "availability_zone")]
    pub zone: String,
}

text_enum! {
    /// Of what the cloud has too little.
    pub enum Shortage {
        /// Of machines of this type in this zone. Another zone or type may have some.
        Capacity = "capacity",
        /// Of the account's quota for this family of types, in all zones.
        Quota = "quota",
    }
}
