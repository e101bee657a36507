use askama::Template;

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
    pub error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(error: Option<&str>) -> String {
        LaunchPage {
            num_vms: "99<".to_owned(),
            max: 50,
            existing: 3,
            machine: Some("g4dn.xlarge on AWS".to_owned()),
            error: error.map(str::to_owned),
        }
        .render()
        .unwrap()
    }

    #[test]
    fn where_nothing_is_launched_there_is_no_form() {
        let (num_vms, machine, error) = ("1".to_owned(), None, None);
        let html = LaunchPage { num_vms, max: 50, existing: 3, machine, error }.render().unwrap();
        assert!(!html.contains("<form") && html.contains(r#"href="/admin/machines""#));
    }

    #[test]
    fn asks_for_a_number_within_the_limit() {
        let html = page(None);
        assert!(html.contains(r#"min="1" max="50""#) && html.contains(r#"action="/api/launch""#));
        assert!(html.contains("g4dn.xlarge on AWS") && html.contains("3 VMs"));
        assert!(!html.contains(r#"id="problem""#));
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
}
