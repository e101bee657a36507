//! The keys that Terraform works with.

use lablink_core::{
    SecretKey,
    aws::{AwsKeys, CloudIdentity, FromAws, Identity, IdentityError},
    secrets::{AwsLogin, LoginError, Vault},
};

use crate::scene::{Scene, admin};

/// AWS with a role that is taken on.
struct InRole;

/// AWS where nobody may take it on.
struct Refusing;

fn keys(id: &str) -> AwsKeys {
    AwsKeys {
        access_key_id: id.to_owned(),
        secret_access_key: "secret".to_owned(),
        session_token: None,
        expires_at: None,
    }
}

fn refused<T>() -> Result<T, IdentityError> {
    let message = "not authorized to perform: sts:AssumeRole".to_owned();
    Err(IdentityError::Refused { code: "AccessDenied".to_owned(), message })
}

impl CloudIdentity for InRole {
    fn of<'a>(&'a self, _: Option<&'a AwsKeys>) -> FromAws<'a, Identity> {
        Box::pin(async { refused() })
    }

    fn session<'a>(&'a self, typed: Option<&'a AwsKeys>) -> FromAws<'a, Option<AwsKeys>> {
        let whose = typed.map_or("the host", |it| &it.access_key_id);
        Box::pin(async move { Ok(Some(keys(&format!("session of {whose}")))) })
    }
}

impl CloudIdentity for Refusing {
    fn of<'a>(&'a self, _: Option<&'a AwsKeys>) -> FromAws<'a, Identity> {
        Box::pin(async { refused() })
    }

    fn session<'a>(&'a self, _: Option<&'a AwsKeys>) -> FromAws<'a, Option<AwsKeys>> {
        Box::pin(async { refused() })
    }
}

fn vault(pair: &str) -> Vault {
    Vault::new(Some(pair.repeat(32).parse::<SecretKey>().unwrap()))
}

#[tokio::test]
async fn terraform_gets_a_session_of_whoever_typed_keys_or_of_the_host() {
    let scene = Scene::new().await;
    let id = async |login: &AwsLogin| {
        login.session(&scene.scope()).await.map(|found| found.map(|it| it.access_key_id))
    };
    let in_role = AwsLogin::new(Some(Box::new(InRole)), vault("0f"));
    let without_aws = AwsLogin::new(None, vault("0f"));
    assert_eq!(id(&in_role).await.unwrap().as_deref(), Some("session of the host"));
    assert_eq!(id(&without_aws).await.unwrap(), None);

    in_role.vault.set(&scene.by(admin()), Some(&keys("AKIA"))).await.unwrap();
    assert_eq!(id(&in_role).await.unwrap().as_deref(), Some("session of AKIA"));
    assert_eq!(id(&without_aws).await.unwrap().as_deref(), Some("AKIA"));

    let refusing = AwsLogin::new(Some(Box::new(Refusing)), vault("0f"));
    let why = id(&refusing).await.unwrap_err();
    assert!(matches!(why, LoginError::NoSession(_)) && why.to_string().contains("AssumeRole"));
    // Never the host's own rights in place of keys that can't be read.
    let locked = AwsLogin::new(Some(Box::new(InRole)), vault("f0"));
    assert!(matches!(id(&locked).await.unwrap_err(), LoginError::Vault(_)));
}
