use super::{judge::judge, *};

const CALLS: [&str; 2] = ["RunInstances", "ImportKeyPair"];

fn plan() -> Plan {
    Plan {
        region: "us-west-2".to_owned(),
        machine_type: "g4dn.xlarge".to_owned(),
        other_types: Vec::new(),
        image: "ami-1".to_owned(),
        root_gb: Some(80),
        market: Market::OnDemand,
        zones: Vec::new(),
        tags: Vec::new(),
        security_group: "lablink".to_owned(),
        key_pair: "lablink".to_owned(),
    }
}

fn machine() -> MachineType {
    MachineType {
        name: "g4dn.xlarge".to_owned(),
        vcpus: 4,
        gpus: 1,
        gpu_name: "T4".to_owned(),
        architectures: vec!["x86_64".to_owned()],
        spot: true,
    }
}

fn image() -> Image {
    Image { state: "available".into(), architecture: "x86_64".into(), root_gb: Some(40) }
}

fn answers() -> Answers {
    Answers {
        machine: Ok(Some(machine())),
        others: Ok(Vec::new()),
        zones: Ok(vec!["us-west-2a".to_owned(), "us-west-2b".to_owned()]),
        image: Ok(Some(image())),
        quota: Ok(Quota { limit: 512, used: 0, coming: 0 }),
        price: Ok(Some(Price { per_hour: 0.526, currency: "USD".to_owned() })),
        rights: CALLS.map(|call| Tried { call, outcome: Ok(Right::Given) }).into(),
    }
}

fn no_answer() -> NoAnswer {
    NoAnswer::NotAllowed("ec2:Anything".to_owned())
}

const WANTED: Wanted = Wanted { count: 40, hours: Some(3) };

fn text(report: &Report, question: Question) -> &str {
    let found = report.findings.iter().find(|finding| finding.question == question);
    found.map_or("", |finding| &finding.text)
}

#[test]
fn a_launch_that_fits_is_described() {
    let report = judge(&plan(), &WANTED, &answers());
    assert_eq!(report.refusal(), None);
    assert!(report.findings.iter().all(|finding| finding.verdict == Verdict::Good));
    assert_eq!((report.gpu_support, report.fits), (Some(true), Some(128)));
    assert_eq!(text(&report, Question::Gpu), "g4dn.xlarge has 1 × NVIDIA T4.");
    let price = text(&report, Question::Price);
    assert!(price.contains("0.526 USD per VM") && price.contains("21.04 USD per hour"), "{price}");
    assert!(price.contains("For 3 h: 63.12 USD"), "{price}");
}

#[test]
fn a_quota_that_is_too_small_says_how_many_fit_and_how_to_ask_for_more() {
    let quota = |limit, used| {
        let answers = Answers { quota: Ok(Quota { limit, used, coming: 0 }), ..answers() };
        judge(&plan(), &WANTED, &answers)
    };
    let report = quota(32, 0);
    let refusal = report.refusal().unwrap();
    assert_eq!(refusal, "40 × g4dn.xlarge wanted, quota 32 vCPU: 8 fit.");
    let request = report.quota_request.unwrap();
    for part in ["us-west-2", "L-DB2E81BA", "Running On-Demand G and VT", "Requested value: 160"] {
        assert!(request.contains(part), "{request}");
    }
    let report = quota(171, 20);
    assert_eq!(report.fits, Some(37));
    assert!(report.refusal().unwrap().contains("20 of them in use: 37 fit."));
    assert!(report.quota_request.unwrap().contains("--desired-value 180"));
    assert!(quota(7, 0).refusal().unwrap().ends_with("1 fits."));
    assert_eq!(quota(20, 180).fits, Some(0));
    assert_eq!(quota(160, 0).refusal(), None);
}

#[test]
fn launches_that_have_begun_count_against_the_quota() {
    let with = |used| {
        let mut answers = Answers { quota: Ok(Quota { limit: 200, used, coming: 0 }), ..answers() };
        answers.expect(40);
        judge(&plan(), &WANTED, &answers)
    };
    let report = with(0);
    let refusal = report.refusal().unwrap();
    let why = "40 × g4dn.xlarge wanted, quota 200 vCPU, 160 of them for launches that have begun: 10 fit.";
    assert_eq!(refusal, why);
    assert!(report.quota_request.unwrap().contains("--desired-value 320"));
    let refusal = with(20).refusal().unwrap();
    assert!(refusal.contains("20 of them in use and 160 for launches that have begun: 5 fit."));
}

#[test]
fn what_is_known_to_fail_stops_a_launch() {
    let refused = Tried { call: "RunInstances", outcome: Ok(Right::Refused("No.".to_owned())) };
    let image = |image: Image| Answers { image: Ok(Some(image)), ..answers() };
    let cases: Vec<(Answers, &str)> = vec![
        (Answers { machine: Ok(None), ..answers() }, "us-west-2 has no g4dn.xlarge"),
        (Answers { zones: Ok(vec![]), ..answers() }, "No zone that may be used"),
        (Answers { image: Ok(None), ..answers() }, "There is no image ami-1"),
        (image(Image { state: "failed".into(), ..super::tests::image() }), "it is failed"),
        (image(Image { architecture: "arm64".into(), ..super::tests::image() }), "is for arm64"),
        (image(Image { root_gb: Some(100), ..super::tests::image() }), "100 GB, and 80 GB"),
        (Answers { rights: vec![refused], ..answers() }, "RunInstances: No."),
    ];
    for (answers, why) in cases {
        let refusal = judge(&plan(), &WANTED, &answers).refusal().unwrap_or_default();
        assert!(refusal.contains(why), "{refusal:?} has no {why:?}");
    }
    let elsewhere = Plan { zones: vec!["us-west-2d".to_owned()], ..plan() };
    let refusal = judge(&elsewhere, &WANTED, &answers()).refusal().unwrap();
    assert!(refusal.contains("these do: us-west-2a, us-west-2b"), "{refusal}");
    let spot = Plan { market: Market::Spot, ..plan() };
    let never =
        Answers { machine: Ok(Some(MachineType { spot: false, ..machine() })), ..answers() };
    assert!(judge(&spot, &WANTED, &never).refusal().unwrap().contains("can't be had as spot"));
}

#[test]
fn without_an_answer_about_the_gpu_nothing_is_launched() {
    let report = judge(&plan(), &WANTED, &Answers { machine: Err(no_answer()), ..answers() });
    assert!(report.refusal().unwrap().contains("whether g4dn.xlarge has a GPU"));
    assert_eq!(report.gpu_support, None);
    let none = MachineType { gpus: 0, ..machine() };
    let report = judge(&plan(), &WANTED, &Answers { machine: Ok(Some(none)), ..answers() });
    assert_eq!((report.refusal(), report.gpu_support), (None, Some(false)));
}

#[test]
fn other_questions_without_an_answer_are_shown_and_stop_nothing() {
    let tried = Tried { call: "RunInstances", outcome: Err(no_answer()) };
    for (answers, question) in [
        (Answers { zones: Err(no_answer()), ..answers() }, Question::Offer),
        (Answers { image: Err(no_answer()), ..answers() }, Question::Image),
        (Answers { quota: Err(no_answer()), ..answers() }, Question::Quota),
        (Answers { price: Err(no_answer()), ..answers() }, Question::Price),
        (Answers { price: Ok(None), ..answers() }, Question::Price),
        (Answers { rights: vec![tried], ..answers() }, Question::Rights),
        (Answers { rights: vec![], ..answers() }, Question::Rights),
    ] {
        let report = judge(&plan(), &WANTED, &answers);
        assert_eq!(report.refusal(), None, "{question:?}");
        let unknown = report.findings.iter().find(|finding| finding.verdict == Verdict::Unknown);
        assert_eq!(unknown.unwrap().question, question);
    }
}

#[test]
fn a_login_that_does_not_work_is_said_once() {
    let none = Answers::none(&NoAnswer::NoLogin("The security token has expired.".to_owned()));
    let report = judge(&plan(), &WANTED, &none);
    assert_eq!(report.findings.len(), 1);
    assert!(report.refusal().unwrap().contains("The security token has expired."));
}

#[test]
fn types_that_stand_in_can_do_what_the_wanted_one_can() {
    let other = |name: &str| MachineType { name: name.to_owned(), ..machine() };
    let wanting = |name: &str| Plan { other_types: vec![name.to_owned()], ..plan() };
    let judged = |name: &str, known: Answer<Vec<MachineType>>| {
        judge(&wanting(name), &WANTED, &Answers { others: known, ..answers() })
    };
    let report = judged("g5.xlarge", Ok(vec![other("g5.xlarge")]));
    assert_eq!(report.refusal(), None);
    assert_eq!(
        text(&report, Question::Others),
        "Where there is no g4dn.xlarge, VMs are made as g5.xlarge."
    );
    let arm = MachineType { architectures: vec!["arm64".to_owned()], ..other("g5g.xlarge") };
    for (name, known, why) in [
        ("g9.xlarge", vec![], "us-west-2 has no g9.xlarge"),
        (
            "t3.large",
            vec![MachineType { gpus: 0, ..other("t3.large") }],
            "t3.large has no NVIDIA GPU",
        ),
        ("g5g.xlarge", vec![arm], "g4dn.xlarge is x86_64, and g5g.xlarge is arm64"),
    ] {
        let refusal = judged(name, Ok(known)).refusal().unwrap();
        assert!(
            refusal.contains(why) && refusal.contains("machine.other_machine_types"),
            "{refusal}"
        );
    }
    assert_eq!(judged("g5.xlarge", Err(no_answer())).refusal(), None);
}

#[test]
fn every_zone_that_is_named_must_offer_the_type() {
    let zones = ["us-west-2a", "us-west-2d"].map(str::to_owned).to_vec();
    let refusal = judge(&Plan { zones, ..plan() }, &WANTED, &answers()).refusal().unwrap();
    assert!(refusal.contains("machine.zones names us-west-2d"), "{refusal}");
}
