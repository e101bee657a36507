use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreflightBody {
    /// Whether such a launch would be taken now.
    pub can_launch: bool,
    /// Whether VMs would have a GPU. null: AWS did not say, so nothing can be launched; or VMs don't come
    /// from a cloud.
    pub gpu_support: Option<bool>,
    /// How many VMs the quota admits beside what runs; null: unknown.
    pub fits: Option<u32>,
    pub findings: Vec<FindingBody>,
    /// What to send to AWS for a larger quota, where it is too small.
    pub quota_request: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FindingBody {
    pub question: String,
    pub verdict: String,
    /// A sentence or two.
    pub text: String,
}
