use futures_util::future::join_all;

use super::*;

const HERE: ComesFrom = ComesFrom::Address(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
const RIGHT: &str = "admin:correct";

fn login() -> Arc<AdminLogin> {
    with_hash(bcrypt::hash("correct", 4).unwrap())
}

fn with_hash(hash: String) -> Arc<AdminLogin> {
    Arc::new(AdminLogin::new("admin".into(), hash).unwrap())
}

fn from(address: &str) -> ComesFrom {
    ComesFrom::Address(address.parse().unwrap())
}

async fn verify(
    login: &Arc<AdminLogin>,
    credentials: &str,
    from: ComesFrom,
) -> Result<Found, NoLogin> {
    login.verify(&STANDARD.encode(credentials), from).await.map(|login| login.found)
}

#[tokio::test]
async fn takes_the_right_name_and_password_only() {
    let login = login();
    assert_eq!(verify(&login, RIGHT, HERE).await, Ok(Found::Verified));
    assert_eq!(verify(&login, RIGHT, HERE).await, Ok(Found::Remembered));
    for wrong in ["admin:wrong", "root:correct", "admincorrect", ""] {
        assert_eq!(verify(&login, wrong, HERE).await, Err(NoLogin::Wrong), "{wrong}");
    }
    assert_eq!(login.verify("%%%", HERE).await, Err(NoLogin::Wrong));
}

#[tokio::test]
async fn what_bcrypt_would_take_for_the_password_is_not_the_password() {
    let long = "y".repeat(72);
    for (password, likeness) in [(long.as_str(), format!("{long}y")), ("P", "P\0P".into())] {
        let hash = bcrypt::hash(password, 4).unwrap();
        assert!(bcrypt::verify(&likeness, &hash).unwrap(), "to bcrypt they are the same");
        let login = with_hash(hash);
        assert!(verify(&login, &format!("admin:{password}"), HERE).await.is_ok());
        assert!(verify(&login, &format!("admin:{likeness}"), HERE).await.is_err());
    }
}

#[tokio::test]
async fn another_password_is_another_memory() {
    let before = login();
    assert!(verify(&before, RIGHT, HERE).await.is_ok());
    let after = with_hash(bcrypt::hash("another", 4).unwrap());
    assert_eq!(verify(&after, RIGHT, HERE).await, Err(NoLogin::Wrong));
}

/// How many guesses are looked at in the time `long`; the rest costs no hash.
async fn guesses(
    login: &Arc<AdminLogin>,
    long: Duration,
    from: impl Fn(usize) -> ComesFrom,
) -> usize {
    let until = tokio::time::Instant::now() + long;
    let mut looked_at = 0;
    while tokio::time::Instant::now() < until {
        let mut soonest = None;
        for nr in 0..20 {
            match verify(login, "admin:wrong", from(nr)).await {
                Err(NoLogin::Wrong) => looked_at += 1,
                Err(NoLogin::TooMany(wait)) => {
                    soonest = Some(soonest.map_or(wait, |soonest: Duration| soonest.min(wait)));
                }
                other => panic!("{other:?}"),
            }
        }
        let left = until.saturating_duration_since(tokio::time::Instant::now());
        tokio::time::advance(soonest.unwrap_or_default().min(left)).await;
    }
    looked_at
}

#[tokio::test(start_paused = true)]
async fn guesses_are_few_before_they_cost_a_hash() {
    let hour = Duration::from_secs(3_600);
    let one = guesses(&login(), hour, |_| HERE).await;
    assert!((60..=71).contains(&one), "{one} from one address in an hour");
    let network = guesses(&login(), hour, |nr| from(&format!("2001:db8::{nr:x}"))).await;
    assert_eq!(network, one, "a /64 is one");
    let all = guesses(&login(), hour, |nr| from(&format!("192.0.2.{nr}"))).await;
    assert!((90..=175).contains(&all), "{all} from twenty addresses in an hour");
    println!("in an hour: {one} from one network, {all} from twenty");
}

#[tokio::test(start_paused = true)]
async fn a_guesser_keeps_nobody_out_who_was_in_before() {
    let login = login();
    assert!(verify(&login, RIGHT, HERE).await.is_ok());
    guesses(&login, Duration::from_secs(1), |_| HERE).await;
    assert_eq!(verify(&login, RIGHT, HERE).await, Ok(Found::Remembered), "from the same address");
    tokio::time::advance(Duration::from_secs(13 * 3_600)).await;
    guesses(&login, Duration::from_secs(1), |_| HERE).await;
    assert_eq!(verify(&login, RIGHT, HERE).await, Ok(Found::Verified), "after a night as well");

    // After a restart its browser is known, and may mistype; it is no way to guess.
    let login = with_hash(login.hash.clone());
    guesses(&login, Duration::from_secs(1), |_| HERE).await;
    assert!(matches!(verify(&login, RIGHT, HERE).await, Err(NoLogin::TooMany(_))));
    let browser = ComesFrom::Known(Browser::of(&lablink_core::Token::random()));
    assert_eq!(verify(&login, "admin:slip", browser).await, Err(NoLogin::Wrong));
    assert_eq!(verify(&login, RIGHT, browser).await, Ok(Found::Verified));
    let looked_at = guesses(&login, Duration::from_secs(1), |_| browser).await;
    assert!((1..=10).contains(&looked_at), "{looked_at}");
}

#[tokio::test(start_paused = true)]
async fn strangers_elsewhere_keep_no_newcomer_out() {
    let login = login();
    guesses(&login, Duration::from_secs(1), |nr| from(&format!("198.51.100.{nr}"))).await;
    assert_eq!(verify(&login, "admin:slip", HERE).await, Err(NoLogin::Wrong));
    assert_eq!(verify(&login, RIGHT, HERE).await, Ok(Found::Verified));
}

#[tokio::test]
async fn three_hundred_guessers_are_not_waited_for() {
    let login = login();
    assert!(verify(&login, RIGHT, HERE).await.is_ok());
    // All turns of unknown callers stay taken until we give them back.
    let turns = &login.unknown;
    let at_work = turns.take().await.unwrap();
    let guessing = join_all((0..300).map(|nr| {
        let login = Arc::clone(&login);
        let address = from(&format!("198.51.{}.{}", nr / 250, nr % 250));
        async move { verify(&login, "admin:wrong", address).await }
    }));
    let guessing = tokio::spawn(guessing);
    while turns.waiting.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    login.remembered.forget();
    assert_eq!(verify(&login, RIGHT, HERE).await, Ok(Found::Verified), "it has its own turn");
    let newcomer = verify(&login, RIGHT, from("203.0.113.1")).await;
    assert_eq!(newcomer, Ok(Found::Remembered));
    assert!(!guessing.is_finished(), "they still wait");
    drop(at_work);
    let answers = guessing.await.unwrap();
    let wrong = answers.iter().filter(|answer| **answer == Err(NoLogin::Wrong)).count();
    assert_eq!(wrong, WAITING, "the others were told to come again");
}

#[test]
fn refuses_a_hash_that_is_none() {
    assert!(AdminLogin::new("admin".into(), "plain".into()).is_err());
}
