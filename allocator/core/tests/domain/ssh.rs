//! The way over SSH to a machine: its host key, and the sealed key of a machine registered by hand.

use std::num::NonZero;

use lablink_core::{
    SecretKey,
    ssh::{self, SshAccess, SshAccessError},
    vms,
};

use crate::scene::{Scene, admin, name};

const ONE: &str = "lablink-vm-test-1";

#[tokio::test]
async fn the_first_host_key_counts_until_somebody_forgets_it() {
    let scene = Scene::with_running(1).await;
    let (scope, one) = (&scene.by(admin()), name(ONE));
    assert_eq!(ssh::host_key(scope, &one).await.unwrap(), None);
    for key in ["ssh-ed25519 AAAA", "ssh-ed25519 BBBB"] {
        let counts = ssh::remember_host_key(scope, &one, key).await.unwrap();
        assert_eq!(counts.as_deref(), Some("ssh-ed25519 AAAA"));
    }
    assert!(ssh::forget_host_key(scope, &one).await.unwrap());
    assert!(!ssh::forget_host_key(scope, &one).await.unwrap());
    assert_eq!(ssh::host_key(scope, &one).await.unwrap(), None);
    let gone = name("nobody");
    assert_eq!(ssh::remember_host_key(scope, &gone, "k").await.unwrap(), None);
}

#[tokio::test]
async fn a_machines_ssh_key_is_sealed_and_goes_with_the_machine() {
    let scene = Scene::new().await;
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n";
    let access = SshAccess {
        address: "10.0.0.7".parse().unwrap(),
        port: const { NonZero::new(2222).unwrap() },
        login: "ada".parse().unwrap(),
        private_key: pem.parse().unwrap(),
        directory: Some("/home/ada/my results".parse().unwrap()),
    };
    let key: SecretKey = "0f".repeat(32).parse().unwrap();
    let refused = access.clone().storable(None).unwrap_err().to_string();
    assert!(refused.contains("LABLINK_SECRET_KEY") && refused.contains("openssl rand"));
    let storable = access.clone().storable(Some(&key)).unwrap();
    assert!(!format!("{access:?} {storable:?}").contains("MIIB"));
    let desk = name("desk");
    vms::register(&scene.by(admin()), Some(desk.clone()), Some(&storable)).await.unwrap();
    vms::register(&scene.by(admin()), Some(name("other")), None).await.unwrap();

    let read = async |key, hostname: &str| ssh::access(&scene.scope(), key, &name(hostname)).await;
    assert_eq!(read(Some(&key), "desk").await.unwrap(), Some(access));
    assert_eq!(read(Some(&key), "other").await.unwrap(), None);
    let another: SecretKey = "f0".repeat(32).parse().unwrap();
    for wrong in [None, Some(&another)] {
        let refused = read(wrong, "desk").await.unwrap_err();
        assert!(matches!(refused, SshAccessError::Locked));
    }
    vms::forget(&scene.by(admin()), &desk).await.unwrap();
    assert_eq!(scene.count("select count(*) from ssh_access").await, 0);
}
