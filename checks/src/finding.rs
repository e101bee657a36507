use serde::{Deserialize, Serialize};

/// What a check found.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Finding {
    Well {
        /// What was seen, as a sentence.
        seen: String,
    },
    /// It works, and will not for long, or not as it should.
    Warning { seen: String, todo: String },
    Broken {
        seen: String,
        /// What to do, as a sentence.
        todo: String,
    },
    /// Not made.
    Skipped { because: String },
}

impl Finding {
    pub fn well(seen: impl Into<String>) -> Self {
        Self::Well { seen: seen.into() }
    }

    pub fn warning(seen: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::Warning { seen: seen.into(), todo: todo.into() }
    }

    pub fn broken(seen: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::Broken { seen: seen.into(), todo: todo.into() }
    }

    pub fn skipped(because: impl Into<String>) -> Self {
        Self::Skipped { because: because.into() }
    }

    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Broken { .. })
    }

    /// What was seen, or why nothing was looked at.
    pub fn seen(&self) -> &str {
        match self {
            Self::Well { seen } | Self::Warning { seen, .. } | Self::Broken { seen, .. } => seen,
            Self::Skipped { because } => because,
        }
    }

    /// What to do, where something is to be done.
    pub fn todo(&self) -> Option<&str> {
        match self {
            Self::Warning { todo, .. } | Self::Broken { todo, .. } => Some(todo),
            Self::Well { .. } | Self::Skipped { .. } => None,
        }
    }

    /// One word for people.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Well { .. } => "well",
            Self::Warning { .. } => "warning",
            Self::Broken { .. } => "broken",
            Self::Skipped { .. } => "skipped",
        }
    }
}
