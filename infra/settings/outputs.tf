output "settings" {
  description = "The settings that the infrastructure needs, complete and checked."
  value = {
    environment         = var.environment
    region              = local.region
    dns                 = local.dns
    eip                 = local.eip
    ssl                 = local.ssl
    image_tag           = local.image_tag
    bucket_name         = local.bucket_name
    remote_client_state = local.remote_client_state
    route53_record      = local.route53_record
    scheme              = local.scheme
    file                = local.file
    startup_script      = local.startup_script
  }

  # One precondition per rule: the first word of each message is the key to change.
  precondition {
    condition     = can(regex("^[a-z]+(-[a-z]+)+-[0-9]+$", local.region))
    error_message = "app.region must be an AWS region, such as us-west-2, and not '${local.region}'."
  }
  precondition {
    condition     = contains(["none", "letsencrypt", "cloudflare", "acm"], local.ssl.provider)
    error_message = "ssl.provider must be none, letsencrypt, cloudflare or acm, and not '${local.ssl.provider}'."
  }
  precondition {
    condition     = contains(["dynamic", "persistent"], local.eip.strategy)
    error_message = "eip.strategy must be dynamic or persistent, and not '${local.eip.strategy}'."
  }
  precondition {
    condition     = !local.dns.enabled || local.dns.domain != ""
    error_message = "dns.enabled is true, so the domain field (dns.domain) must hold the allocator's whole host name."
  }
  precondition {
    condition     = !startswith(local.dns.domain, ".")
    error_message = "dns.domain cannot start with a dot: '${local.dns.domain}'."
  }
  precondition {
    condition     = !endswith(local.dns.domain, ".")
    error_message = "dns.domain cannot end with a dot: '${local.dns.domain}'."
  }
  precondition {
    condition     = can(regex("^(|[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*)$", trim(local.dns.domain, ".")))
    error_message = "dns.domain must be a host name such as lablink.example.org, without scheme, port or path."
  }
  precondition {
    condition     = local.ssl.provider == "none" || local.dns.enabled
    error_message = "ssl.provider: SSL requires DNS. Set dns.enabled: true and dns.domain, or ssl.provider: none."
  }
  precondition {
    condition     = local.ssl.provider != "letsencrypt" || can(regex("^[^@\\s{}\"'`\\\\]+@[^@\\s{}\"'`\\\\]+$", local.ssl.email))
    error_message = "ssl.email: Let's Encrypt requires email. Set it to an address that it may write to."
  }
  precondition {
    condition     = local.ssl.provider != "acm" || local.ssl.certificate_arn != ""
    error_message = "ssl.certificate_arn: ACM provider requires certificate_arn. Set it to the certificate's ARN."
  }
  precondition {
    condition     = local.ssl.certificate_arn == "" || can(regex("^arn:aws[a-z-]*:acm:${local.region}:[0-9]{12}:certificate/[A-Za-z0-9-]+$", local.ssl.certificate_arn))
    error_message = "ssl.certificate_arn must be the ARN of an ACM certificate in the region of app.region, ${local.region}."
  }
  precondition {
    condition     = local.ssl.provider != "cloudflare" || !local.dns.terraform_managed
    error_message = "dns.terraform_managed: CloudFlare requires terraform_managed=false, for its DNS record is made at Cloudflare."
  }
  precondition {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", local.image_tag))
    error_message = "allocator.image_tag must be an image tag, such as linux-amd64-latest, and not '${local.image_tag}'."
  }
  precondition {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", local.bucket_name)) && !strcontains(local.bucket_name, "..")
    error_message = "bucket_name must be the S3 bucket of Terraform's state, a name of your own choice, and not '${local.bucket_name}'."
  }
  precondition {
    condition     = !local.script_enabled || length(local.script_found) > 0
    error_message = "startup_script.path must name a file, from the folder above the configuration's or from that folder itself; '${local.script_path}' is none."
  }
  precondition {
    condition     = length(local.real_passwords) == 0
    error_message = "app.admin_password and db.password must stay placeholders in config.yaml: the passwords lie in the Parameter Store. Give your own with TF_VAR_admin_password and TF_VAR_db_password."
  }
  precondition {
    condition     = !can(local.file.app.admin_password_hash)
    error_message = "app.admin_password_hash has no effect on AWS, where the password lies in the Parameter Store: remove it, and give your own with TF_VAR_admin_password."
  }
}
