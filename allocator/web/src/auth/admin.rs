use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZero,
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::fits_bcrypt;

/// How long a verified password is remembered. A page would else cost a slow hash each time.
const REMEMBERED: Duration = Duration::from_secs(300);
/// Slow hashes at once: guessing must not take all the cores from a class.
const AT_ONCE: usize = 1;

/// Wrong passwords in a minute that cost an address nothing: people mistype.
const FREE_FAILURES: NonZero<u32> = NonZero::new(10).expect("10 is not 0");
/// What each further one costs.
const PENALTY: Duration = Duration::from_secs(1);

/// The organiser's login: one user, one bcrypt hash.
pub struct AdminLogin {
    user: String,
    hash: String,
    /// Keys the digests of `verified`, so that they are of no use outside this process.
    key: [u8; 32],
    verified: Mutex<HashMap<[u8; 32], Instant>>,
    hashing: Semaphore,
    /// Failures that an address has free before each costs time.
    failures: DefaultKeyedRateLimiter<IpAddr>,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "the admin password's hash is not a bcrypt hash: make one with `lablink-allocator hash-password`"
)]
pub struct InvalidHash(#[source] bcrypt::BcryptError);

impl AdminLogin {
    pub fn new(user: String, hash: String) -> Result<Self, InvalidHash> {
        bcrypt::HashParts::from_str(&hash).map_err(InvalidHash)?;
        Ok(Self {
            user,
            hash,
            key: rand::random(),
            verified: Mutex::default(),
            hashing: Semaphore::new(AT_ONCE),
            failures: RateLimiter::keyed(Quota::per_minute(FREE_FAILURES)),
        })
    }

    /// The user whose credentials an `Authorization: Basic` header's value holds, if they are
    /// right. Who keeps guessing waits; the right ones always pass, also from a guesser's address.
    pub async fn verify(&self, credentials: &str, address: IpAddr) -> Option<String> {
        let user = self.check(credentials).await;
        if user.is_none() && self.failures.check_key(&address).is_err() {
            tracing::warn!(%address, "many wrong passwords for the admin pages");
            tokio::time::sleep(PENALTY).await;
        }
        user
    }

    async fn check(&self, credentials: &str) -> Option<String> {
        let decoded = STANDARD.decode(credentials.trim()).ok()?;
        let decoded = String::from_utf8(decoded).ok()?;
        let (user, password) = decoded.split_once(':')?;
        fits_bcrypt(password).ok()?;
        let digest: [u8; 32] =
            Sha256::new().chain_update(self.key).chain_update(decoded.as_bytes()).finalize().into();
        if !self.remembers(&digest) {
            let _turn = self.hashing.acquire().await.ok()?;
            // Another request with the same credentials may have had its turn meanwhile.
            if !self.remembers(&digest) {
                let (password, hash) = (password.to_owned(), self.hash.clone());
                let right =
                    tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash)).await;
                // Both are looked at, so that a wrong name takes as long as a wrong password.
                if !(matches!(right, Ok(Ok(true))) && user == self.user) {
                    return None;
                }
                let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
                verified.retain(|_, since| since.elapsed() < REMEMBERED);
                verified.insert(digest, Instant::now());
            }
        }
        Some(user.to_owned())
    }

    fn remembers(&self, digest: &[u8; 32]) -> bool {
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        verified.get(digest).is_some_and(|since| since.elapsed() < REMEMBERED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn login() -> AdminLogin {
        AdminLogin::new("admin".into(), bcrypt::hash("correct", 4).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn takes_the_right_name_and_password_only() {
        let login = login();
        for _ in 0..2 {
            assert_eq!(
                login.verify(&STANDARD.encode("admin:correct"), HERE).await.as_deref(),
                Some("admin")
            );
        }
        for wrong in ["admin:wrong", "root:correct", "admincorrect", ""] {
            assert_eq!(login.verify(&STANDARD.encode(wrong), HERE).await, None, "{wrong}");
        }
        assert_eq!(login.verify("%%%", HERE).await, None);
    }

    #[tokio::test]
    async fn what_bcrypt_would_take_for_the_password_is_not_the_password() {
        let long = "y".repeat(72);
        for (password, likeness) in [(long.as_str(), format!("{long}y")), ("P", "P\0P".into())] {
            let hash = bcrypt::hash(password, 4).unwrap();
            assert!(bcrypt::verify(&likeness, &hash).unwrap(), "to bcrypt they are the same");
            let login = AdminLogin::new("admin".into(), hash).unwrap();
            let shown = |password: &str| STANDARD.encode(format!("admin:{password}"));
            assert!(login.verify(&shown(password), HERE).await.is_some());
            assert!(login.verify(&shown(&likeness), HERE).await.is_none());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn guessing_costs_time_and_locks_nobody_out() {
        let login = login();
        let wrong = STANDARD.encode("admin:wrong");
        let started = tokio::time::Instant::now();
        for _ in 0..13 {
            assert_eq!(login.verify(&wrong, HERE).await, None);
        }
        assert_eq!(started.elapsed(), 3 * PENALTY, "ten were free");
        let right = STANDARD.encode("admin:correct");
        assert!(login.verify(&right, HERE).await.is_some());
        assert_eq!(started.elapsed(), 3 * PENALTY, "the right password never waits");
    }

    #[test]
    fn refuses_a_hash_that_is_none() {
        assert!(AdminLogin::new("admin".into(), "plain".into()).is_err());
    }
}
