//! `lablink init`: asks what a deployment needs, checks each answer, and writes the configuration.

mod answer;
mod checks;

use std::{fs, io::Write, path::PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use lablink_aws_calls::{Aws, Found};
use serde_json::json;

use self::{answer::Asker, checks::Checks};
use crate::{errors::Refused, output::Output};

#[derive(Debug, Args)]
#[command(after_help = "\
What no flag says is asked for. Each answer is checked in AWS as it is given.

Example:
  lablink init
  lablink init --region us-west-2 --machine-type g4dn.xlarge --image ami-0601752c11b394251 \\
      --domain lablink.example.org --tls letsencrypt --email me@example.org --bucket our-lablink-states")]
pub struct Init {
    /// The file to write.
    #[arg(long, env = "LABLINK_CONFIG", default_value = "config/config.yaml", value_name = "FILE")]
    config: PathBuf,
    /// Writes it in place of one that is there.
    #[arg(long)]
    force: bool,
    /// AWS's region.
    #[arg(long)]
    region: Option<String>,
    /// The EC2 type of the machines that are lent.
    #[arg(long, value_name = "TYPE")]
    machine_type: Option<String>,
    /// Their image (AMI).
    #[arg(long, value_name = "AMI")]
    image: Option<String>,
    /// How many machines the largest class needs, for quota and price.
    #[arg(long)]
    count: Option<u32>,
    /// The allocator's whole host name; - for none.
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
    /// Who ends TLS.
    #[arg(long)]
    tls: Option<Tls>,
    /// Where Let's Encrypt may write to.
    #[arg(long)]
    email: Option<String>,
    /// The certificate's ARN, with --tls acm.
    #[arg(long, value_name = "ARN")]
    certificate: Option<String>,
    /// Serves in clear, with --tls none: for a network that you trust.
    #[arg(long)]
    plain_http: bool,
    /// The S3 bucket for Terraform's states, a name that nobody in the world has yet.
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
    /// Asks participants for a code beside their e-mail. One is made when it is deployed.
    #[arg(long)]
    access_code: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Tls {
    Letsencrypt,
    Cloudflare,
    Acm,
    None,
}

/// What was answered, and is good.
struct Answers {
    region: String,
    machine_type: String,
    image: String,
    domain: Option<String>,
    tls: Tls,
    email: Option<String>,
    certificate: Option<String>,
    plain_http: bool,
    bucket: String,
    access_code: bool,
}

impl Init {
    pub async fn run(self, output: &Output) -> Result<()> {
        let there = self.config.exists() && !self.force;
        let shown = self.config.display().to_string();
        ensure!(!there, Refused(format!("{shown} is there already: --force writes it anew")));
        let ask = Asker::new(output);
        let region = ask
            .checked("Region", "--region", self.region.clone(), "us-west-2", checks::region)
            .await?;
        let checks =
            Checks::new(Aws::find(Found { region: Some(region.clone()), profile: None }).await);
        let machine_type = ask
            .checked(
                "Machine type",
                "--machine-type",
                self.machine_type.clone(),
                "g4dn.xlarge",
                async |it| checks.machine_type(it).await,
            )
            .await?;
        let image = ask
            .checked("Image (AMI)", "--image", self.image.clone(), "", async |it| {
                checks.image(it, &machine_type).await
            })
            .await?;
        let count = self.count.map(|count| count.to_string());
        let count = ask
            .checked("Machines of the largest class", "--count", count, "10", async |it| {
                checks.count(it, &machine_type).await
            })
            .await?;
        let answers = self.reached(&ask, region, machine_type, image).await?;
        self.write(&answers)?;
        let told = json!({ "config": self.config, "region": answers.region, "count": count,
                           "machine_type": answers.machine_type, "image": answers.image,
                           "bucket": answers.bucket });
        output
            .answer(&told, |_| format!("{shown} is written. Next: lablink setup, lablink deploy."))
    }

    /// How it is reached, and where its state lies.
    async fn reached(
        &self,
        ask: &Asker<'_>,
        region: String,
        machine_type: String,
        image: String,
    ) -> Result<Answers> {
        let domain = ask
            .checked("Host name (- for none)", "--domain", self.domain.clone(), "-", checks::domain)
            .await?;
        let domain = Some(domain).filter(|domain| domain != "-");
        let usual = if domain.is_some() { Tls::Letsencrypt } else { Tls::None };
        let tls = self.tls.unwrap_or(usual);
        let why = "TLS needs a host name: give --domain, or --tls none";
        ensure!(tls == Tls::None || domain.is_some(), Refused(why.to_owned()));
        if tls == Tls::None && !self.plain_http {
            let question =
                "Without TLS, passwords and PINs go over the network in clear. Is that meant?";
            ask.output().confirm(question, "--plain-http")?;
        }
        let email = match tls {
            Tls::Letsencrypt => Some(
                ask.checked(
                    "E-mail for Let's Encrypt",
                    "--email",
                    self.email.clone(),
                    "",
                    checks::email,
                )
                .await?,
            ),
            _ => None,
        };
        let certificate = match tls {
            Tls::Acm => Some(
                ask.checked(
                    "Certificate (ARN)",
                    "--certificate",
                    self.certificate.clone(),
                    "",
                    checks::certificate,
                )
                .await?,
            ),
            _ => None,
        };
        let bucket = ask
            .checked("Bucket for states", "--bucket", self.bucket.clone(), "", checks::bucket)
            .await?;
        let plain_http = tls == Tls::None;
        let access_code = self.access_code;
        Ok(Answers {
            region,
            machine_type,
            image,
            domain,
            tls,
            email,
            certificate,
            plain_http,
            bucket,
            access_code,
        })
    }

    fn write(&self, answers: &Answers) -> Result<()> {
        let write = || -> Result<()> {
            let folder = self.config.parent().filter(|it| !it.as_os_str().is_empty());
            let folder = folder.unwrap_or_else(|| std::path::Path::new("."));
            fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(answers.yaml().as_bytes())?;
            file.persist(&self.config)?;
            Ok(())
        };
        write().with_context(|| format!("can't write {}", self.config.display()))
    }
}

impl Answers {
    /// Texts are written as JSON's, which YAML reads, whatever is in them.
    fn yaml(&self) -> String {
        let text = |text: &str| json!(text).to_string();
        let mut lines = vec![
            "# Written by `lablink init`. config/config.yaml of LabLink tells all keys.".to_owned(),
            "provider: aws".to_owned(),
            format!("bucket_name: {}", text(&self.bucket)),
            "machine:".to_owned(),
            format!("  machine_type: {}", text(&self.machine_type)),
            format!("  ami_id: {}", text(&self.image)),
            "app:".to_owned(),
            format!("  region: {}", text(&self.region)),
            "  admin_password: PLACEHOLDER_ADMIN_PASSWORD".to_owned(),
        ];
        if self.access_code {
            lines.push("  access_code: PLACEHOLDER_ACCESS_CODE".to_owned());
        }
        lines.push("db:\n  kind: embedded\n  password: PLACEHOLDER_DB_PASSWORD".to_owned());
        if let Some(domain) = &self.domain {
            let managed = self.tls != Tls::Cloudflare;
            lines.push(format!(
                "dns:\n  enabled: true\n  terraform_managed: {managed}\n  domain: {}",
                text(domain)
            ));
        }
        let name = self.tls.to_possible_value().map(|it| it.get_name().to_owned());
        lines.push(format!("ssl:\n  provider: {}", name.unwrap_or_default()));
        lines.extend(self.email.iter().map(|it| format!("  email: {}", text(it))));
        lines.extend(self.certificate.iter().map(|it| format!("  certificate_arn: {}", text(it))));
        if self.plain_http {
            lines.push("  plain_http: true".to_owned());
        }
        lines.join("\n") + "\n"
    }
}
