use std::num::NonZero;

use lablink_core::{
    SecretKey,
    ssh::{FitAddresses, NoSecretKey, SshAccess, StorableSshAccess},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::page::SshTyped;
use crate::http::Problem;

const SSH_PORT: NonZero<u16> = NonZero::new(22).expect("22 is not 0");

/// How a machine's results are fetched over SSH.
#[derive(Deserialize, ToSchema)]
pub struct Ssh {
    /// A host name or an IP address.
    address: String,
    /// 22 by default.
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 65535)]
    port: Option<NonZero<u16>>,
    /// The user to log in as.
    login: String,
    /// The text of a private key without a passphrase; stored sealed, and shown to nobody.
    private_key: String,
    /// The absolute path of the folder where results lie; the participant's desktop by default.
    directory: Option<String>,
}

/// The same as fields of a form. All empty: no SSH.
#[derive(Default, Deserialize)]
pub struct SshFields {
    #[serde(default)]
    ssh_address: String,
    #[serde(default)]
    ssh_port: String,
    #[serde(default)]
    ssh_login: String,
    #[serde(default)]
    ssh_private_key: String,
    #[serde(default)]
    ssh_directory: String,
}

impl SshFields {
    /// As the form is shown again: the key is not, nobody is to read it over a shoulder.
    pub fn typed(self) -> SshTyped {
        let Self { ssh_address, ssh_port, ssh_login, ssh_directory, .. } = self;
        SshTyped {
            address: ssh_address,
            port: ssh_port,
            login: ssh_login,
            directory: ssh_directory,
        }
    }

    /// None when none is filled in.
    pub fn read(&self) -> Result<Option<Ssh>, Problem> {
        let typed = [
            &self.ssh_address,
            &self.ssh_port,
            &self.ssh_login,
            &self.ssh_private_key,
            &self.ssh_directory,
        ];
        if typed.iter().all(|text| text.trim().is_empty()) {
            return Ok(None);
        }
        let port = Some(self.ssh_port.trim()).filter(|text| !text.is_empty());
        let port = port
            .map(str::parse)
            .transpose()
            .map_err(|_no_number| Problem::invalid("ssh port: write a number from 1 to 65535."))?;
        Ok(Some(Ssh {
            address: self.ssh_address.clone(),
            port,
            login: self.ssh_login.clone(),
            private_key: self.ssh_private_key.clone(),
            directory: Some(self.ssh_directory.clone()),
        }))
    }
}

impl Ssh {
    /// Checked, and sealed under the allocator's key. Without such a key nothing else is looked
    /// at: none of it could be kept.
    pub async fn sealed(
        self,
        key: Option<&SecretKey>,
        fit: FitAddresses,
    ) -> Result<StorableSshAccess, Problem> {
        let key = key.ok_or(NoSecretKey)?;
        let directory = self.directory.filter(|text| !text.trim().is_empty());
        let access = SshAccess {
            address: self.address.parse().map_err(|error| wrong("address", &error))?,
            port: self.port.unwrap_or(SSH_PORT),
            login: self.login.parse().map_err(|error| wrong("login", &error))?,
            private_key: self.private_key.parse().map_err(|error| wrong("private key", &error))?,
            directory: directory
                .map(|text| text.parse().map_err(|error| wrong("directory", &error)))
                .transpose()?,
        };
        access.check_address(fit).await.map_err(|unfit| wrong("address", &unfit))?;
        Ok(access.storable(Some(key))?)
    }
}

fn wrong(field: &str, error: &dyn std::error::Error) -> Problem {
    Problem::invalid(format!("ssh {field}: {error}."))
}
