use serde::{Deserialize, Serialize};

/// What a machine's cloud has announced for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum CloudNotice {
    /// Nothing, or nothing any more.
    None,
    /// The cloud takes a spot machine back. The fields are those of AWS's `spot/instance-action`.
    TakenBack {
        /// `terminate`, `stop` or `hibernate`.
        action: String,
        /// When, by RFC 3339.
        time: String,
    },
    /// The cloud works on the machine. The fields are those of AWS's scheduled events.
    Maintenance {
        /// As AWS says it, e.g. `system-reboot` or `instance-retirement`.
        code: String,
        /// In words, by the cloud.
        description: String,
        /// Not before, in the cloud's own form, e.g. `21 Jan 2027 09:00:43 GMT`.
        from: String,
    },
    /// Of a kind that this version does not know.
    #[serde(other)]
    Other,
}
