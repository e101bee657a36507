# The allocator's own defaults (allocator/config/src/sections), for the keys that the
# infrastructure needs. What it does not need is for the allocator to read and to judge.
locals {
  # An empty file is a valid one.
  file = try(merge(yamldecode(file(var.config_path)), {}), {})

  region = tostring(try(local.file.app.region, "us-west-2"))

  deployment_name = tostring(try(local.file.deployment_name, ""))
  name            = join("-", compact([local.deployment_name, var.environment]))
  # Where its states are in the bucket.
  state_folder = join("/", compact([local.deployment_name, var.environment]))

  dns = {
    enabled           = tobool(try(local.file.dns.enabled, false))
    terraform_managed = tobool(try(local.file.dns.terraform_managed, true))
    domain            = tostring(try(local.file.dns.domain, ""))
    zone_id           = tostring(try(local.file.dns.zone_id, ""))
  }

  eip = {
    strategy = tostring(try(local.file.eip.strategy, "dynamic"))
    tag_name = tostring(try(local.file.eip.tag_name, "lablink-eip"))
  }

  ssl = {
    provider        = tostring(try(local.file.ssl.provider, "none"))
    plain_http      = tobool(try(local.file.ssl.plain_http, false))
    email           = tostring(try(local.file.ssl.email, ""))
    certificate_arn = tostring(try(local.file.ssl.certificate_arn, ""))
  }

  # The address of RDS is filled in here, and so is how its connection is protected.
  db = {
    kind   = tostring(try(local.file.db.kind, "embedded"))
    dbname = tostring(try(local.file.db.dbname, "lablink_db"))
    user   = tostring(try(local.file.db.user, "lablink"))
    host   = tostring(try(local.file.db.host, "localhost"))
    port   = tostring(try(local.file.db.port, 5432))
    # The allocator's default, as config.yaml spells it out.
    sslmode     = tostring(try(local.file.db.sslmode, "prefer"))
    sslrootcert = tostring(try(local.file.db.sslrootcert, ""))
  }

  allocators = tostring(try(local.file.allocator.count, 1))
  several    = local.allocators != "1"
  image_tag  = tostring(try(local.file.allocator.image_tag, "linux-amd64-latest"))
  # What the allocator's role may make, and what the allocator asks for.
  machine_type        = tostring(try(local.file.machine.machine_type, "g4dn.xlarge"))
  other_machine_types = [for type in try(tolist(local.file.machine.other_machine_types), []) : tostring(type)]
  kms_key_id          = tostring(try(coalesce(local.file.machine.kms_key_id, ""), ""))
  assign_public_ip    = tobool(try(local.file.machine.assign_public_ip, true))
  role_arn            = tostring(try(coalesce(local.file.aws.role_arn, ""), ""))
  bucket_name         = tostring(try(local.file.bucket_name, "tf-state-lablink-allocator-bucket"))

  # Only `dev` may keep VMs' state on the host's own disk, and then needs no bucket.
  remote_client_state = contains(["test", "ci-test", "prod"], var.environment)

  route53_record = local.dns.enabled && local.dns.terraform_managed
  scheme         = local.ssl.provider == "none" ? "http" : "https"
}

# The script is looked for as the allocator looks for it (StartupScript::find).
locals {
  script_enabled = tobool(try(local.file.startup_script.enabled, false))
  script_path    = tostring(try(local.file.startup_script.path, ""))
  script_places = [
    for folder in [dirname(abspath(dirname(var.config_path))), abspath(dirname(var.config_path))] :
    "${folder}/${local.script_path}"
  ]
  # A folder is no script, and `fileexists` fails on one.
  script_found   = [for path in local.script_places : path if try(fileexists(path), false)]
  startup_script = local.script_enabled && length(local.script_found) > 0 ? file(local.script_found[0]) : ""
}

# Passwords and codes that anybody can read, in the file's repository, the state or the host's user data, are
# none: only their placeholders and the allocator's defaults may stand in the file.
locals {
  passwords = compact([
    tostring(try(local.file.app.admin_password, "")),
    tostring(try(local.file.db.password, "")),
  ])
  real_passwords = [
    for password in local.passwords : password
    if !contains(["admin_password", "lablink", "MISSING"], password) && !can(regex("(?i)^(PLACEHOLDER_|CHANGE_?ME)", password))
  ]

  access_code             = tostring(try(local.file.app.access_code, ""))
  access_code_placeholder = "PLACEHOLDER_ACCESS_CODE"
}
