use askama::Template;
use lablink_checks::{Checked, Code, Finding};

use crate::pages::Tone;

/// `/admin/doctor`: what each check found.
#[derive(Template)]
#[template(path = "doctor/report.html")]
pub struct DoctorPage {
    pub checks: Vec<Checked>,
    /// The layer to look at first.
    pub first: Option<Code>,
}

/// `/admin/doctor/{code}`: what a code means, and what to do.
#[derive(Template)]
#[template(path = "doctor/guide.html")]
pub struct GuidePage {
    pub title: &'static str,
    pub blocks: Vec<Block>,
}

/// A block of a guide, in spans of which every second one is code.
pub enum Block {
    Heading(&'static str),
    Item(Vec<&'static str>),
    Text(Vec<&'static str>),
}

/// How a layer is, as a pill shows it.
#[derive(Clone, Copy)]
pub struct Standing(Tone, &'static str);

impl GuidePage {
    pub fn of(code: Code) -> Self {
        let lines = code.guide().lines().skip(1).filter(|line| !line.is_empty());
        Self { title: code.title(), blocks: lines.map(Block::of).collect() }
    }
}

impl Block {
    fn of(line: &'static str) -> Self {
        let spans = |text: &'static str| text.split('`').collect();
        if let Some(heading) = line.strip_prefix("## ") {
            return Self::Heading(heading);
        }
        match line.strip_prefix("- ") {
            Some(item) => Self::Item(spans(item)),
            None => Self::Text(spans(line)),
        }
    }
}

impl Standing {
    fn of(finding: &Finding) -> Self {
        match finding {
            Finding::Well { .. } => Self(Tone::Good, "Well"),
            Finding::Warning { .. } => Self(Tone::Warn, "Warning"),
            Finding::Broken { .. } => Self(Tone::Bad, "Broken"),
            Finding::Skipped { .. } => Self(Tone::Quiet, "Not asked"),
        }
    }

    fn label(self) -> &'static str {
        self.1
    }

    fn tone(self) -> Tone {
        self.0
    }
}
