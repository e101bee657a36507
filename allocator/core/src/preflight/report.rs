/// What a launch would meet.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// In the order in which people ask.
    pub findings: Vec<Finding>,
    /// Whether VMs get a GPU's driver and containers. None: unknown, so nothing may be launched.
    pub gpu_support: Option<bool>,
    /// How many machines the quota admits beside what runs, where that is known.
    pub fits: Option<u32>,
    /// What to send to AWS for a larger quota, where it is too small.
    pub quota_request: Option<String>,
}

/// One thing that was asked, and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub question: Question,
    pub verdict: Verdict,
    /// A sentence or two.
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether AWS knows who asks.
    Login,
    Offer,
    Gpu,
    /// Whether the types that may stand in can do so.
    Others,
    Image,
    Quota,
    Rights,
    Price,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// There is no answer. The launch may be made all the same.
    Unknown,
    /// The launch would fail, so it is refused.
    Stops,
}

impl Report {
    /// Why the launch is refused, if it is: everything that stands in its way.
    pub fn refusal(&self) -> Option<String> {
        let stops = self.findings.iter().filter(|finding| finding.verdict == Verdict::Stops);
        let texts: Vec<_> = stops.map(|finding| finding.text.as_str()).collect();
        (!texts.is_empty()).then(|| texts.join(" "))
    }
}
