//! What each refusal of the core is on the wire: the one place that gives them their status.

use axum::http::StatusCode;
use lablink_core::{
    DbError, InvalidCursor, PageError,
    agents::{EnrolError, LiftError, RenewError},
    claims::{LockOutError, NoSuchClaim, NotToClean},
    collections::{ChooseError, CollectError},
    operations::{AskError, RebootError, TakeBackError},
    secrets::VaultError,
    ssh::NoSecretKey,
    vms::{AdmitError, RegisterError, ReportError, SelectError, VmsError},
};

use super::Problem;
use crate::metrics;

const SENT_BEFORE: &str = "This form, or this Idempotency-Key, was sent before with other content, \
    and what that asked for was done. Open the form again, or take a fresh key, to ask for more.";

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        if matches!(error, DbError::KeyReused) {
            return Self::new(StatusCode::UNPROCESSABLE_ENTITY, "key_reused", SENT_BEFORE);
        }
        if error.is_contended() {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a transaction was in the way"
            );
            let message = "Somebody else changed the same at this moment. Try again.";
            return Self::try_again("try_again", message, 1);
        }
        if matches!(error, DbError::TooManyReports) {
            metrics::agent_refused("events");
            return Self::too_many(error.to_string(), 60);
        }
        if !error.is_away() {
            return Self::internal(&error);
        }
        tracing::warn!(error = &error as &dyn std::error::Error, "the database is away");
        Self::try_again("database_unavailable", "The database is away for a moment. Try again.", 2)
    }
}

impl From<RenewError> for Problem {
    fn from(error: RenewError) -> Self {
        match error {
            RenewError::Refused => Self::unauthorized(),
            RenewError::NotDue => Self::conflict("not_due", error.to_string()),
            RenewError::Db(error) => error.into(),
        }
    }
}

impl From<LiftError> for Problem {
    fn from(error: LiftError) -> Self {
        match error {
            LiftError::NotBarred => Self::conflict("not_barred", error.to_string()),
            LiftError::Db(error) => error.into(),
        }
    }
}

impl From<AdmitError> for Problem {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::TooMany(_) => Self::conflict("too_many_unknown_vms", error.to_string()),
            AdmitError::Db(error) => error.into(),
        }
    }
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Locked | VaultError::Replaced => {
                Self::conflict("locked", error.to_string())
            }
            VaultError::Db(error) => error.into(),
        }
    }
}

impl From<ChooseError> for Problem {
    fn from(error: ChooseError) -> Self {
        match error {
            ChooseError::NoVms => Self::not_found(error.to_string()),
            ChooseError::Selection(error) => error.into(),
            ChooseError::Db(error) => error.into(),
        }
    }
}

/// As the original's: what can't be had is not found, and a failure of ours says so in its words.
impl From<CollectError> for Problem {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::NoVms | CollectError::NoFiles(_) | CollectError::OnlySkipped(..) => {
                Self::not_found(error.to_string())
            }
            CollectError::OutOfReach(_) => {
                Self::new(StatusCode::NOT_FOUND, "out_of_reach", error.to_string())
            }
            CollectError::Failed(cause) => {
                tracing::error!(error = &cause as &dyn std::error::Error, "a collection failed");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "collection_failed",
                    "An error occurred while downloading data from VMs.",
                )
            }
            CollectError::Db(error) => error.into(),
        }
    }
}

impl From<NoSecretKey> for Problem {
    fn from(error: NoSecretKey) -> Self {
        Self::conflict("no_secret_key", error.to_string())
    }
}

impl From<RebootError> for Problem {
    fn from(error: RebootError) -> Self {
        match error {
            RebootError::NotPossible(..) => Self::conflict("no_reboot", error.to_string()),
            RebootError::NoSuchVm => Self::not_found(error.to_string()),
            RebootError::Db(error) => error.into(),
        }
    }
}

impl From<ReportError> for Problem {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::NoSuchVm => Self::not_found("VM not found."),
            ReportError::TooManyKeys { .. } => Self::invalid(error.to_string()),
            ReportError::Db(error) => error.into(),
        }
    }
}

impl From<EnrolError> for Problem {
    fn from(error: EnrolError) -> Self {
        match error {
            EnrolError::Refused => {
                Self::new(StatusCode::FORBIDDEN, "enrolment_refused", error.to_string())
            }
            EnrolError::Db(error) => error.into(),
        }
    }
}

impl From<NoSuchClaim> for Problem {
    fn from(error: NoSuchClaim) -> Self {
        match error {
            NoSuchClaim::Superseded => Self::conflict("claim_superseded", error.to_string()),
            NoSuchClaim::Db(error) => error.into(),
        }
    }
}

impl From<LockOutError> for Problem {
    fn from(error: LockOutError) -> Self {
        match error {
            LockOutError::NoSuchClaim => Self::not_found(error.to_string()),
            LockOutError::AgentCannot => Self::conflict("no_lock_out", error.to_string()),
            LockOutError::Db(error) => error.into(),
        }
    }
}

impl From<NotToClean> for Problem {
    fn from(error: NotToClean) -> Self {
        match error {
            NotToClean::Superseded => Self::conflict("clean_superseded", error.to_string()),
            NotToClean::NotFailed => Self::conflict("not_failed", error.to_string()),
            NotToClean::Db(error) => error.into(),
        }
    }
}

impl From<InvalidCursor> for Problem {
    fn from(error: InvalidCursor) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<TakeBackError> for Problem {
    fn from(error: TakeBackError) -> Self {
        match error {
            TakeBackError::NoSuchVm => Self::not_found(error.to_string()),
            TakeBackError::NotClaimed => Self::conflict("not_claimed", error.to_string()),
            TakeBackError::Db(error) => error.into(),
        }
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Vms(error) => error.into(),
            AskError::Db(error) => error.into(),
        }
    }
}

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Reserved => Self::invalid(error.to_string()),
            RegisterError::Taken => Self::conflict("taken", error.to_string()),
            RegisterError::NoSuchMachine => Self::not_found(error.to_string()),
            RegisterError::Db(error) => error.into(),
        }
    }
}

impl From<VmsError> for Problem {
    fn from(error: VmsError) -> Self {
        match error {
            VmsError::NothingSelected => Self::conflict("nothing_selected", error.to_string()),
            VmsError::Selection(error) => error.into(),
            VmsError::Db(error) => error.into(),
        }
    }
}

impl From<SelectError> for Problem {
    fn from(error: SelectError) -> Self {
        match error {
            SelectError::NoSuchVm(_) => Self::not_found(error.to_string()),
            SelectError::MoreThanTold { .. } => Self::conflict("more_than_told", error.to_string()),
            SelectError::Db(error) => error.into(),
        }
    }
}

impl From<PageError> for Problem {
    fn from(error: PageError) -> Self {
        match error {
            PageError::Cursor(error) => error.into(),
            PageError::Db(error) => error.into(),
        }
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Self {
        Self::internal(&error)
    }
}
