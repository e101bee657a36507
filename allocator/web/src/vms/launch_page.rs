use askama::Template;
use lablink_core::preflight::{Finding, Question, Report, Verdict};

use super::preflight::MOST_HOURS;
use crate::pages::Tone;

/// `/admin/create`: asks how many VMs to launch. Also the answer to a `POST /api/launch` that was
/// refused (422).
#[derive(Template)]
#[template(path = "vms/launch.html")]
pub struct LaunchPage {
    /// What was typed; `1` at first.
    pub num_vms: String,
    /// The most VMs that one launch may ask for.
    pub max: i64,
    /// VMs that there are already.
    pub existing: i64,
    /// What is launched, in the organiser's words: `g4dn.xlarge on AWS in us-west-2`. None: machines
    /// are registered by hand.
    pub machine: Option<String>,
    /// What the cloud says. None: machines come from no cloud.
    pub preflight: Option<PreflightPart>,
    pub error: Option<String>,
}

/// The part of the page that tells what a cloud says of the launch.
pub struct PreflightPart {
    /// What was typed as the hours of the class.
    pub hours: String,
    /// None: not asked, since what was typed is no number.
    pub report: Option<Report>,
}

impl PreflightPart {
    fn most_hours(&self) -> u32 {
        MOST_HOURS
    }
}

/// How a finding is shown.
struct Shown<'a>(&'a Finding);

impl Shown<'_> {
    fn about(&self) -> &'static str {
        match self.0.question {
            Question::Login => "Login",
            Question::Offer => "Machine type",
            Question::Gpu => "GPU",
            Question::Others => "Other types",
            Question::Image => "Image",
            Question::Quota => "Quota",
            Question::Rights => "Rights",
            Question::Price => "Price",
        }
    }

    fn label(&self) -> &'static str {
        match self.0.verdict {
            Verdict::Good => "fine",
            Verdict::Unknown => "not known",
            Verdict::Stops => "in the way",
        }
    }

    fn tone(&self) -> Tone {
        match self.0.verdict {
            Verdict::Good => Tone::Good,
            Verdict::Unknown => Tone::Quiet,
            Verdict::Stops => Tone::Bad,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(error: Option<&str>) -> LaunchPage {
        LaunchPage {
            num_vms: "99<".to_owned(),
            max: 50,
            existing: 3,
            machine: Some("g4dn.xlarge on AWS".to_owned()),
            preflight: None,
            error: error.map(str::to_owned),
        }
    }

    fn page(error: Option<&str>) -> String {
        launch(error).render().unwrap()
    }

    #[test]
    fn where_nothing_is_launched_there_is_no_form() {
        let html = LaunchPage { machine: None, ..launch(None) }.render().unwrap();
        assert!(!html.contains("<form") && html.contains(r#"href="/admin/machines""#));
    }

    #[test]
    fn asks_for_a_number_within_the_limit() {
        let html = page(None);
        assert!(html.contains(r#"min="1" max="50""#) && html.contains(r#"action="/api/launch""#));
        assert!(html.contains("g4dn.xlarge on AWS") && html.contains("3 VMs"));
        assert!(!html.contains(r#"id="problem""#) && !html.contains("What AWS says"));
    }

    #[test]
    fn an_error_is_tied_to_the_field_and_keeps_what_was_typed() {
        let html = page(Some("Ask for at most 50 VMs."));
        assert!(html.contains("Ask for at most 50 VMs."));
        assert!(
            html.contains(r#"aria-invalid="true" autofocus aria-describedby="problem num-hint""#)
        );
        assert!(html.contains(r#"value="99&#60;""#));
    }

    #[test]
    fn tells_what_aws_says_and_what_to_send_for_a_larger_quota() {
        let finding =
            |question, verdict, text: &str| Finding { question, verdict, text: text.to_owned() };
        let report = Report {
            findings: vec![
                finding(Question::Quota, Verdict::Stops, "8 <fit>."),
                finding(Question::Price, Verdict::Unknown, "Not known."),
            ],
            gpu_support: Some(true),
            fits: Some(8),
            quota_request: Some("Requested value: 160".to_owned()),
        };
        let preflight = Some(PreflightPart { hours: "3".to_owned(), report: Some(report) });
        let html = LaunchPage { preflight, ..launch(None) }.render().unwrap();
        assert!(html.contains("8 &#60;fit&#62;.") && html.contains("in the way"));
        assert!(html.contains("not known") && html.contains("Requested value: 160"));
        assert!(html.contains(r#"name="hours""#) && html.contains(r#"value="3""#));
        assert!(html.contains(r#"formmethod="get""#));
    }
}
