//! Sealed values in the database, and somebody who writes to it.

use std::sync::Arc;

use lablink_core::{
    Scope, SecretKey,
    aws::AwsKeys,
    pools::{Pool, Rules},
    secrets::{Vault, VaultError},
    ssh::{self, SshAccess, SshAccessError},
    vms,
};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use crate::scene::{Scene, admin, name};

const PEM: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n";

fn key(pair: &str) -> SecretKey {
    pair.repeat(32).parse().unwrap()
}

fn aws_keys(id: &str) -> AwsKeys {
    AwsKeys {
        access_key_id: id.to_owned(),
        secret_access_key: "secret".to_owned(),
        session_token: None,
        expires_at: None,
    }
}

fn access(login: &str) -> SshAccess {
    SshAccess {
        address: "10.0.0.7".parse().unwrap(),
        port: 22.try_into().unwrap(),
        login: login.parse().unwrap(),
        private_key: PEM.parse().unwrap(),
        directory: None,
    }
}

/// A value as versions of LabLink stored it that did not bind it to its row.
fn sealed_before(key: u8, bytes: &[u8]) -> Vec<u8> {
    let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &[key; 32]).unwrap());
    let (nonce, mut sealed) = ([7; 12], bytes.to_vec());
    let unique = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(unique, Aad::empty(), &mut sealed).unwrap();
    [nonce.as_slice(), &sealed].concat()
}

async fn with_desks(scene: &Scene) {
    for desk in ["desk-1", "desk-2"] {
        let storable = access(desk).storable(Some(&key("0f"))).unwrap();
        vms::register(&scene.by(admin()), Some(name(desk)), Some(&storable)).await.unwrap();
    }
}

async fn opened(scene: &Scene, key: &SecretKey, desk: &str) -> Result<SshAccess, SshAccessError> {
    let found = ssh::access(&scene.scope(), Some(key), &name(desk)).await;
    found.map(|access| access.unwrap())
}

async fn keys_of(scope: &Scope, vault: &Vault) -> Result<String, VaultError> {
    vault.keys(scope).await.map(|keys| keys.unwrap().access_key_id)
}

async fn put(scene: &Scene, statement: &str, sealed: &[u8]) {
    let client = scene.db.client().await.unwrap();
    assert_eq!(client.execute(statement, &[&sealed]).await.unwrap(), 1);
}

#[tokio::test]
async fn a_sealed_value_opens_in_its_own_row_only() {
    let scene = Scene::new().await;
    with_desks(&scene).await;
    for desk in ["desk-1", "desk-2"] {
        assert_eq!(opened(&scene, &key("0f"), desk).await.unwrap(), access(desk));
    }
    scene
        .sql(
            "update ssh_access set sealed_key = other.sealed_key
             from ssh_access as other where other.vm_id <> ssh_access.vm_id",
        )
        .await;
    for desk in ["desk-1", "desk-2"] {
        let refused = opened(&scene, &key("0f"), desk).await.unwrap_err();
        assert!(matches!(refused, SshAccessError::Replaced), "{refused:?}");
        let told = refused.to_string();
        assert!(told.contains("not sealed as this machine's") && told.contains("Register"));
    }

    let vault = Vault::new(Some(key("0f")));
    let other = Pool::open(&scene.db, "prod", Rules::clone(&scene.pool.rules())).await.unwrap();
    let scopes = [scene.by(admin()), Scope::new(&scene.db, &Arc::new(other), admin())];
    for (scope, id) in scopes.iter().zip(["AKIA1", "AKIA2"]) {
        vault.set(scope, Some(&aws_keys(id))).await.unwrap();
        assert_eq!(keys_of(scope, &vault).await.unwrap(), id);
    }
    scene
        .sql(
            "update aws_keys set sealed = other.sealed
             from aws_keys as other where other.pool_id <> aws_keys.pool_id",
        )
        .await;
    for scope in &scopes {
        let refused = keys_of(scope, &vault).await.unwrap_err();
        assert!(matches!(refused, VaultError::Replaced), "{refused:?}");
        assert!(refused.to_string().contains("Type the keys once more"), "{refused}");
    }
}

#[tokio::test]
async fn a_sealed_value_of_one_kind_is_none_of_another() {
    let scene = Scene::new().await;
    with_desks(&scene).await;
    let vault = Vault::new(Some(key("0f")));
    vault.set(&scene.by(admin()), Some(&aws_keys("AKIA1"))).await.unwrap();
    let same = "select count(*) from vm join pool on pool.id = vm.id";
    assert_eq!(scene.count(same).await, 1, "for that desk only the kind tells them apart");
    scene.sql("update ssh_access set sealed_key = (select sealed from aws_keys)").await;
    for desk in ["desk-1", "desk-2"] {
        let refused = opened(&scene, &key("0f"), desk).await.unwrap_err();
        assert!(matches!(refused, SshAccessError::Replaced), "{refused:?}");
    }
}

#[tokio::test]
async fn another_key_is_told_from_another_value() {
    let scene = Scene::new().await;
    with_desks(&scene).await;
    let vault = Vault::new(Some(key("0f")));
    vault.set(&scene.by(admin()), Some(&aws_keys("AKIA1"))).await.unwrap();
    let refused = opened(&scene, &key("f0"), "desk-1").await.unwrap_err();
    assert!(matches!(refused, SshAccessError::Locked), "{refused:?}");
    assert!(refused.to_string().contains("LABLINK_SECRET_KEY is missing or has changed"));
    let refused = keys_of(&scene.scope(), &Vault::new(Some(key("f0")))).await.unwrap_err();
    assert!(matches!(refused, VaultError::Locked), "{refused:?}");
    assert!(refused.to_string().contains("LABLINK_SECRET_KEY has changed"), "{refused}");
}

#[tokio::test]
async fn what_an_earlier_version_sealed_opens_and_is_bound_at_the_next_write() {
    let scene = Scene::new().await;
    with_desks(&scene).await;
    let vault = Vault::new(Some(key("0f")));
    vault.set(&scene.by(admin()), Some(&aws_keys("AKIA1"))).await.unwrap();

    let before = sealed_before(0x0f, PEM.as_bytes());
    let sql = "update ssh_access set sealed_key = $1
               where vm_id = (select id from vm where hostname = 'desk-1')";
    put(&scene, sql, &before).await;
    assert_eq!(opened(&scene, &key("0f"), "desk-1").await.unwrap(), access("desk-1"));
    let refused = opened(&scene, &key("f0"), "desk-1").await.unwrap_err();
    assert!(matches!(refused, SshAccessError::Locked), "{refused:?}");

    let text = br#"{"access_key_id":"AKIA0","secret_access_key":"s","session_token":null}"#;
    put(&scene, "update aws_keys set sealed = $1", &sealed_before(0x0f, text)).await;
    assert_eq!(keys_of(&scene.scope(), &vault).await.unwrap(), "AKIA0");
    vault.set(&scene.by(admin()), Some(&aws_keys("AKIA2"))).await.unwrap();
    let bound = "select count(*) from aws_keys where substr(sealed, 1, 8) = 'lablink2'::bytea";
    assert_eq!(scene.count(bound).await, 1);
}
