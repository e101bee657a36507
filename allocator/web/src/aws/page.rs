use askama::Template;
use jiff::Timestamp;

/// `/admin/aws`: the AWS identity of this allocator.
#[derive(Template)]
#[template(path = "aws/aws.html")]
pub struct AwsPage {
    pub standing: AwsStanding,
    /// Whether keys were typed, which can be forgotten again.
    pub typed: bool,
    /// What became of the form that was sent.
    pub done: Option<String>,
    pub error: Option<String>,
    /// What was typed as the id of the key.
    pub access_key_id: String,
    /// What was typed as the keys' end.
    pub expires_at: String,
}

/// What AWS says of the credentials in use.
pub enum AwsStanding {
    /// The allocator was built without AWS.
    NotBuiltIn {
        machines: MachinesWithoutAws,
    },
    Valid {
        account: String,
        arn: String,
        /// When the credentials end, if that is known.
        expires_at: Option<Timestamp>,
    },
    Invalid {
        reason: String,
    },
}

/// Where an installation that knows no AWS has its VMs from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum MachinesWithoutAws {
    /// Processes on the allocator's machine.
    Local,
    /// Registered by hand.
    Registered,
}

impl AwsPage {
    /// An assumed role has an ARN of its own kind.
    fn origin(&self, arn: &str) -> &'static str {
        match (self.typed, arn.contains(":assumed-role/")) {
            (true, _) => "typed on this page",
            (false, true) => "the role of the allocator’s machine",
            (false, false) => "the allocator’s environment",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(standing: AwsStanding, typed: bool) -> String {
        let access_key_id = "AKIA<".to_owned();
        let (error, expires_at) = (Some("Bad <keys>".to_owned()), "soon<".to_owned());
        AwsPage { standing, typed, done: None, error, access_key_id, expires_at }.render().unwrap()
    }

    #[test]
    fn shows_whose_credentials_are_in_use_and_never_a_secret_field_filled() {
        let valid = AwsStanding::Valid {
            account: "123456789012".to_owned(),
            arn: "arn:x".to_owned(),
            expires_at: None,
        };
        let html = page(valid, true);
        assert!(html.contains("<dd>123456789012</dd>") && html.contains("<dd>arn:x</dd>"));
        assert!(html.contains("<dd>typed on this page</dd>"));
        assert!(html.contains(r#"action="/api/admin/unset-aws-credentials""#));
        assert!(html.contains("Bad &#60;keys&#62;") && html.contains("AKIA&#60;"));
        assert!(html.contains("soon&#60;"));
        assert_eq!(html.matches(r#"type="password""#).count(), 2);
    }

    #[test]
    fn a_role_is_told_from_an_environment() {
        let found = |arn: &str| {
            let valid = AwsStanding::Valid {
                account: "123456789012".to_owned(),
                arn: arn.to_owned(),
                expires_at: Some(Timestamp::UNIX_EPOCH),
            };
            page(valid, false)
        };
        assert!(found("arn:aws:sts::123:assumed-role/lab/i-1").contains("role of the"));
        assert!(found("arn:x").contains("1970-01-01"));
        assert!(found("arn:aws:iam::123:user/lab").contains("environment"));
    }

    #[test]
    fn without_aws_there_is_no_form() {
        let without = |machines| page(AwsStanding::NotBuiltIn { machines }, false);
        for (machines, way) in [
            (MachinesWithoutAws::Local, "/admin/create"),
            (MachinesWithoutAws::Registered, "/admin/machines"),
        ] {
            let html = without(machines);
            assert!(html.contains("needs no AWS") && html.contains(&format!("href=\"{way}\"")));
            assert!(!html.contains("<form"), "no keys can be taken");
        }
        let invalid = AwsStanding::Invalid { reason: "expired".to_owned() };
        let html = page(invalid, false);
        assert!(html.contains("expired") && !html.contains("unset-aws"));
    }
}
