//! Types for numbers of rows, one per table, so that a VM's number can't be taken for a claim's.

use std::{error::Error, fmt, num::ParseIntError, str::FromStr};

use bytes::BytesMut;
use serde::{Deserialize, Serialize};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(i64);

        impl From<i64> for $name {
            fn from(number: i64) -> Self {
                Self(number)
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, ParseIntError> {
                text.parse().map(Self)
            }
        }

        impl ToSql for $name {
            fn to_sql(
                &self,
                r#type: &Type,
                out: &mut BytesMut,
            ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
                self.0.to_sql(r#type, out)
            }

            fn accepts(r#type: &Type) -> bool {
                <i64 as ToSql>::accepts(r#type)
            }

            to_sql_checked!();
        }

        impl<'a> FromSql<'a> for $name {
            fn from_sql(
                r#type: &Type,
                raw: &'a [u8],
            ) -> Result<Self, Box<dyn Error + Sync + Send>> {
                i64::from_sql(r#type, raw).map(Self)
            }

            fn accepts(r#type: &Type) -> bool {
                <i64 as FromSql>::accepts(r#type)
            }
        }
    };
}

id! {
    PoolId
}

id! {
    /// A VM's row. One that is made anew under the same name gets another.
    VmId
}

id! {
    /// A claim's row, as agents and logs name it. Knowing one grants nothing.
    ClaimId
}

id! {
    /// A place in line.
    PlaceId
}

id! {
    OperationId
}
