use lablink_aws_calls::{Aws, Found, Keys, Role};
use lablink_core::aws::AwsKeys;

/// The AWS account that the allocator works in.
#[derive(Clone, Debug)]
pub struct Account {
    /// What the process finds by itself.
    found: Aws,
    /// The same, in the role.
    own: Aws,
    role: Option<Role>,
    /// Whether a profile was named, of which programs beside this one know nothing.
    by_profile: bool,
}

impl Account {
    /// Finds out how to reach AWS from the SDK's own variables, a profile, or a role of the machine. With
    /// a role to take on, all is done in that one. Asks nobody.
    pub async fn find(found: Found, role: Option<Role>) -> Self {
        let by_profile = found.profile.is_some();
        let found = Aws::find(found).await;
        let own = in_role(found.clone(), role.as_ref()).await;
        Self { found, own, role, by_profile }
    }

    /// AWS with these keys, or else with what the process finds by itself.
    pub(crate) async fn with(&self, keys: Option<&AwsKeys>) -> Aws {
        match keys {
            None => self.own.clone(),
            Some(keys) => in_role(self.found.with_keys(&plain(keys)), self.role.as_ref()).await,
        }
    }

    /// AWS with keys of [`lablink_core::aws::CloudIdentity::session`], which are in the role already.
    pub(crate) fn in_session(&self, keys: Option<&AwsKeys>) -> Aws {
        match keys {
            None => self.own.clone(),
            Some(keys) => self.found.with_keys(&plain(keys)),
        }
    }

    /// Whether programs beside this one find the same by themselves, if they are given these keys.
    pub(crate) fn is_found_with(&self, keys: Option<&AwsKeys>) -> bool {
        self.role.is_none() && (keys.is_some() || !self.by_profile)
    }
}

async fn in_role(aws: Aws, role: Option<&Role>) -> Aws {
    match role {
        Some(role) => aws.in_role(role).await,
        None => aws,
    }
}

fn plain(keys: &AwsKeys) -> Keys {
    Keys {
        access_key_id: keys.access_key_id.clone(),
        secret_access_key: keys.secret_access_key.clone(),
        session_token: keys.session_token.clone(),
        expires_at: keys.expires_at,
    }
}
