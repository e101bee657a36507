use std::fmt::Write;

/// The twelve runtime variables of every module, as `terraform.runtime.tfvars` holds them
/// (deployment contract §2.1, in its order).
#[derive(Clone, Debug, Default)]
pub struct RuntimeVariables {
    pub allocator_ip: String,
    /// Where agents reach the allocator, with scheme and without a trailing slash.
    pub allocator_url: String,
    pub machine_type: String,
    pub image_name: String,
    /// Empty for none.
    pub repository: String,
    pub client_ami_id: String,
    pub subject_software: String,
    /// The environment.
    pub resource_suffix: String,
    pub gpu_support: Gpu,
    pub cloud_init_output_log_group: String,
    pub region: String,
    /// `continue` or `fail`.
    pub startup_on_error: String,
}

/// Whether the machine type has NVIDIA GPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gpu {
    #[default]
    Absent,
    Present,
}

impl RuntimeVariables {
    pub(super) fn to_tfvars(&self) -> String {
        let gpu_support = match self.gpu_support {
            Gpu::Absent => "false",
            Gpu::Present => "true",
        };
        let variables = [
            ("allocator_ip", self.allocator_ip.as_str()),
            ("allocator_url", &self.allocator_url),
            ("machine_type", &self.machine_type),
            ("image_name", &self.image_name),
            ("repository", &self.repository),
            ("client_ami_id", &self.client_ami_id),
            ("subject_software", &self.subject_software),
            ("resource_suffix", &self.resource_suffix),
            ("gpu_support", gpu_support),
            ("cloud_init_output_log_group", &self.cloud_init_output_log_group),
            ("region", &self.region),
            ("startup_on_error", &self.startup_on_error),
        ];
        let mut text = String::new();
        for (name, value) in variables {
            writeln!(text, "{name} = \"{}\"", escaped(value)).expect("a String takes every write");
        }
        text
    }
}

/// A value inside an HCL string: nothing in it may end the string or start a template.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '$' | '%' if rest.peek() == Some(&'{') => text.extend([character, character]),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_values() {
        assert_eq!(escaped("a \"b\" \\ ${c} %{d} $e\n"), r#"a \"b\" \\ $${c} %%{d} $e\n"#);
    }

    #[test]
    fn writes_the_twelve_keys_in_order() {
        let text =
            RuntimeVariables { region: "eu-west-1".into(), ..Default::default() }.to_tfvars();
        let keys: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(keys.len(), 12);
        assert_eq!((keys[0], keys[11]), ("allocator_ip", "startup_on_error"));
        assert!(text.contains("region = \"eu-west-1\"\n"));
    }
}
