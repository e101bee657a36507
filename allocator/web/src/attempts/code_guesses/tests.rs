use lablink_core::Token;

use super::*;

const SCHOOL: &str = "192.0.2.1";
const DAY: Duration = Duration::from_secs(24 * 3_600);

fn wanted() -> AccessCode {
    "7421".parse().unwrap()
}

fn program(network: &str) -> Visitor {
    Visitor { network: network.parse().unwrap(), browser: None }
}

fn browser(network: &str) -> Visitor {
    Visitor { browser: Some(Browser::of(&Token::random())), ..program(network) }
}

fn judge(guesses: &CodeGuesses, typed: &str, visitor: &Visitor) -> Verdict {
    guesses.judge(&wanted(), typed, visitor)
}

/// Guesses codes in order, each as soon as it is let; returns how many were looked at.
async fn guess(guesses: &CodeGuesses, long: Duration, who: impl Fn(usize) -> Visitor) -> usize {
    let until = tokio::time::Instant::now() + long;
    let mut looked_at = 0;
    while tokio::time::Instant::now() < until {
        // From ten people in turn: none of them alone is the bound.
        let waits: Vec<Duration> = (0..10)
            .filter_map(|person| match judge(guesses, &format!("x{looked_at}"), &who(person)) {
                Verdict::NotLookedAt(wait) => Some(wait),
                _ => {
                    looked_at += 1;
                    None
                }
            })
            .collect();
        if waits.len() == 10 {
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            tokio::time::advance(left.min(*waits.iter().min().unwrap())).await;
        }
    }
    looked_at
}

#[tokio::test(start_paused = true)]
async fn two_hundred_who_mistype_at_once_get_in() {
    let guesses = CodeGuesses::default();
    let class: Vec<Visitor> = (0..200).map(|_| browser(SCHOOL)).collect();
    for attempt in 0..2 {
        for (nr, visitor) in class.iter().enumerate() {
            let typed = format!("slip {attempt} {nr}");
            assert_eq!(judge(&guesses, &typed, visitor), Verdict::Wrong, "{attempt} {nr}");
        }
    }
    for visitor in &class {
        assert_eq!(judge(&guesses, "7421", visitor), Verdict::Right);
    }
    // And the next class in the same room, as if nothing had been.
    let next: Vec<Visitor> = (0..200).map(|_| browser(SCHOOL)).collect();
    for attempt in 2..4 {
        for (nr, visitor) in next.iter().enumerate() {
            assert_eq!(judge(&guesses, &format!("slip {attempt} {nr}"), visitor), Verdict::Wrong);
        }
    }
    assert!(next.iter().all(|visitor| judge(&guesses, "7421", visitor) == Verdict::Right));
}

#[tokio::test(start_paused = true)]
async fn the_code_of_last_term_costs_nobody_anything() {
    let guesses = CodeGuesses::default();
    for _ in 0..5_000 {
        assert_eq!(judge(&guesses, "last-term", &browser(SCHOOL)), Verdict::Wrong);
    }
    assert_eq!(judge(&guesses, "7421", &browser(SCHOOL)), Verdict::Right);
}

#[tokio::test(start_paused = true)]
async fn a_guesser_in_the_room_keeps_no_browser_out() {
    let guesses = CodeGuesses::default();
    let classmate = browser(SCHOOL);
    for nr in 0..2_000 {
        for visitor in [program(SCHOOL), classmate] {
            judge(&guesses, &format!("guess {nr} {:?}", visitor.browser), &visitor);
        }
    }
    assert!(matches!(judge(&guesses, "7421", &program(SCHOOL)), Verdict::NotLookedAt(_)));
    assert!(matches!(judge(&guesses, "7421", &classmate), Verdict::NotLookedAt(_)));
    for nr in 0..200 {
        let visitor = browser(SCHOOL);
        assert_eq!(judge(&guesses, &format!("slip {nr}"), &visitor), Verdict::Wrong);
        assert_eq!(judge(&guesses, "7421", &visitor), Verdict::Right);
    }
}

#[tokio::test(start_paused = true)]
async fn strangers_elsewhere_keep_no_class_out() {
    let guesses = CodeGuesses::default();
    for nr in 0..20_000 {
        let visitor = browser(&format!("198.51.{}.{}", nr % 50, nr % 7));
        judge(&guesses, &format!("guess {nr}"), &visitor);
    }
    let visitor = browser(SCHOOL);
    assert_eq!(judge(&guesses, "slip", &visitor), Verdict::Wrong);
    assert_eq!(judge(&guesses, "7421", &visitor), Verdict::Right);
    for nr in 0..200 {
        let visitor = browser(SCHOOL);
        assert_eq!(judge(&guesses, &format!("slip {nr}"), &visitor), Verdict::Wrong);
        assert_eq!(judge(&guesses, "7421", &visitor), Verdict::Right);
    }
}

/// Of 10,000 codes: what a guesser finds out in 4 s and in a day, from one address, from as many
/// browsers as it likes, from a whole /48, and from everywhere.
#[tokio::test(start_paused = true)]
async fn a_four_digit_code_holds_for_days() {
    let one = |_| program(SCHOOL);
    let browsers = |_| browser(SCHOOL);
    let site = |person| browser(&format!("2001:db8:1:{person:x}::1"));
    let everywhere = |person: usize| {
        let network = format!("198.51.100.{}", person % 10);
        if person.is_multiple_of(2) { browser(&network) } else { program(&network) }
    };
    for (who, in_4_s, in_a_day) in [
        (&one as &dyn Fn(usize) -> Visitor, 100, 200),
        (&browsers, 450, 580),
        (&site, 910, 1_060),
        (&everywhere, 1_200, 1_500),
    ] {
        let guesses = CodeGuesses::default();
        let at_once = guess(&guesses, Duration::from_secs(4), who).await;
        assert!((1..=in_4_s).contains(&at_once), "{at_once} in 4 s");
        let guesses = CodeGuesses::default();
        let looked_at = guess(&guesses, DAY, who).await;
        assert!(looked_at <= in_a_day, "{looked_at} in a day");
        println!("{at_once} in 4 s, {looked_at} in a day");
    }
}
