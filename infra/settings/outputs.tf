output "settings" {
  description = "The settings that the infrastructure needs, complete and checked."
  value = {
    environment         = var.environment
    deployment_name     = local.deployment_name
    name                = local.name
    state_folder        = local.state_folder
    region              = local.region
    dns                 = local.dns
    eip                 = local.eip
    ssl                 = local.ssl
    db                  = { for key in ["kind", "dbname", "user"] : key => local.db[key] }
    allocators          = try(tonumber(local.allocators), 1)
    image_tag           = local.image_tag
    machine_types       = concat([local.machine_type], local.other_machine_types)
    kms_key_id          = local.kms_key_id
    assign_public_ip    = local.assign_public_ip
    role_arn            = local.role_arn
    has_access_code     = local.access_code != ""
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
    condition     = var.environment != "prod" || local.ssl.provider != "none" || local.ssl.plain_http
    error_message = "ssl.provider is none, so passwords, PINs and links of prod would go over the network in clear. Set ssl.provider: letsencrypt, cloudflare or acm; or, if everybody may read them, ssl.plain_http: true."
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
    condition     = contains(["embedded", "rds"], local.db.kind)
    error_message = "db.kind must be embedded or rds, and not '${local.db.kind}'."
  }
  precondition {
    condition     = alltrue([for name in [local.db.dbname, local.db.user] : can(regex("^[A-Za-z_][A-Za-z0-9_]{0,62}$", name))])
    error_message = "db.dbname and db.user must be of letters, digits and '_', with no digit first, and at most 63 long."
  }
  precondition {
    condition     = contains(["", "localhost"], local.db.host) && local.db.port == "5432" && local.db.sslmode == "prefer" && local.db.sslrootcert == ""
    error_message = "db.host, db.port, db.sslmode and db.sslrootcert are filled in by a deployment, for the database that db.kind names: remove them."
  }
  precondition {
    condition     = local.db.kind != "rds" || !strcontains(local.name, "--")
    error_message = "db.kind: rds takes no name with two dashes in a row, and not '${local.name}': choose another environment or deployment_name."
  }
  precondition {
    condition     = can(regex("^[1-9][0-9]*$", local.allocators))
    error_message = "allocator.count must be a whole number, 1 or more, and not '${local.allocators}'."
  }
  precondition {
    condition     = !local.several || local.db.kind == "rds"
    error_message = "allocator.count is ${local.allocators}, and each allocator would have a database of its own: set db.kind: rds."
  }
  precondition {
    condition     = !local.several || local.ssl.provider == "acm"
    error_message = "allocator.count is ${local.allocators}, and only a load balancer shares out requests: set ssl.provider: acm."
  }
  precondition {
    condition     = !local.several || local.eip.strategy != "persistent"
    error_message = "allocator.count is ${local.allocators}, and one address can't be that of several hosts: remove eip.strategy: persistent."
  }
  precondition {
    condition     = !local.several || local.remote_client_state
    error_message = "allocator.count is ${local.allocators}, and only test, ci-test and prod keep the VMs' state in the bucket, where all of them find it: name one of these as the environment, or set allocator.count: 1."
  }
  precondition {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(@sha256:[0-9a-f]{64})?$", local.image_tag))
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
    condition     = contains(["", local.access_code_placeholder], local.access_code)
    error_message = "app.access_code must be ${local.access_code_placeholder} in config.yaml, or be left out for none: the code lies in the Parameter Store. Give your own with TF_VAR_access_code."
  }
  precondition {
    condition     = can(regex("^([a-z]([a-z0-9-]*[a-z0-9])?)?$", local.deployment_name))
    error_message = "deployment_name must consist of a-z, 0-9 and '-', begin with a letter, and not be '${local.deployment_name}'."
  }
  precondition {
    condition     = length(local.name) <= 20
    error_message = "deployment_name and the environment may have 20 characters together, with the '-' between them, and '${local.name}' has ${length(local.name)}."
  }
  precondition {
    condition     = alltrue([for type in local.other_machine_types : can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", type))])
    error_message = "machine.other_machine_types must be EC2 instance types, such as [g5.xlarge]."
  }
  precondition {
    condition     = local.kms_key_id == "" || can(regex("^arn:aws[a-z-]*:kms:${local.region}:[0-9]{12}:key/[A-Za-z0-9-]+$", local.kms_key_id))
    error_message = "machine.kms_key_id must be the ARN of a key of KMS in the region of app.region, ${local.region}, and not '${local.kms_key_id}'."
  }
  precondition {
    condition     = local.role_arn == "" || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]*[A-Za-z0-9+=,.@_-]$", local.role_arn))
    error_message = "aws.role_arn must be the ARN of a role, arn:aws:iam::ACCOUNT:role/NAME, and not '${local.role_arn}'."
  }
  precondition {
    condition     = can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", local.machine_type))
    error_message = "machine.machine_type must be an EC2 instance type, such as g4dn.xlarge, and not '${local.machine_type}'."
  }
  precondition {
    condition     = !can(local.file.app.admin_password_hash)
    error_message = "app.admin_password_hash has no effect on AWS, where the password lies in the Parameter Store: remove it, and give your own with TF_VAR_admin_password."
  }
}
