data "aws_ssm_parameter" "newest_ami" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

locals {
  allocator_port = 5000

  # Whose X-Forwarded-For the allocator believes, unless config.yaml says.
  trusted_proxies = {
    none        = ["127.0.0.1"]
    letsencrypt = ["127.0.0.1"]
    cloudflare  = concat(["127.0.0.1"], var.cloudflare_networks)
    acm         = sort(distinct([for subnet in data.aws_subnet.balancer : subnet.cidr_block]))
  }
  trusted = try(coalesce(local.settings.file.proxy.trusted), join(", ", local.trusted_proxies[local.ssl]))
  # VMs may lie in the load balancer's subnets: only what it writes itself is believed, which is one
  # line, and not what a VM has written before it.
  proxy = merge(
    local.ssl == "acm" ? { hops = 1 } : {},
    try(local.settings.file.proxy, {}),
    { trusted = local.trusted },
  )
  config_yaml = yamlencode(merge(
    local.settings.file,
    # The one that its rights are for.
    { bucket_name = local.settings.bucket_name, proxy = local.proxy },
    local.db_section,
  ))
  host_name = "lablink-allocator-${local.name}"
  ami_id    = coalesce(var.ami_id, nonsensitive(data.aws_ssm_parameter.newest_ami.value))
}

module "user_data" {
  source = "./user-data"

  config_yaml     = local.config_yaml
  module_override = local.module_override
  startup_script  = local.settings.startup_script
  proxy           = local.ssl == "acm" ? null : local.ssl

  environment = {
    ENVIRONMENT               = local.env
    AWS_REGION                = local.region
    ALLOCATOR_FQDN            = local.url
    ALLOCATOR_PUBLIC_IP       = local.public_ip
    CLOUD_INIT_LOG_GROUP      = aws_cloudwatch_log_group.client_vms.name
    LABLINK_CONFIG            = "/config/config.yaml"
    LABLINK_DATA_DIR          = "/var/lib/lablink"
    LABLINK_EMBEDDED_POSTGRES = length(local.rds) == 0 ? "1" : "0"
    LABLINK_LISTEN            = "${local.ssl == "acm" ? "0.0.0.0" : "127.0.0.1"}:${local.allocator_port}"
    LABLINK_LOG_FORMAT        = "json"

    ALLOCATOR_IMAGE     = "${var.allocator_image}:${local.settings.image_tag}"
    ALLOCATOR_LOG_GROUP = aws_cloudwatch_log_group.allocator.name
    SECRETS_PATH        = local.secrets_path
    DATA_VOLUME_ID      = try(aws_ebs_volume.data[0].id, "")
    DATA_DIR            = "/srv/lablink"
    DB_SECRET           = local.db_secret
    ACCESS_CODE_SECRET  = local.settings.has_access_code ? "access-code" : ""
    RDS_CA_URL          = length(local.rds) == 0 ? "" : var.rds_ca_url

    PROXY_IMAGE         = var.proxy_image
    DOMAIN              = local.settings.dns.domain
    ACME_EMAIL          = local.settings.ssl.email
    CLOUDFLARE_NETWORKS = join(" ", var.cloudflare_networks)
  }
}

resource "aws_instance" "host" {
  count = local.single

  ami                         = local.ami_id
  instance_type               = var.instance_type
  subnet_id                   = data.aws_subnet.host.id
  vpc_security_group_ids      = [aws_security_group.host.id]
  iam_instance_profile        = aws_iam_instance_profile.host.name
  user_data_base64            = module.user_data.user_data_base64
  user_data_replace_on_change = true
  disable_api_termination     = var.termination_protection
  ebs_optimized               = true
  monitoring                  = true
  tags                        = { Name = local.host_name }

  # The containers share the host's network, so that one hop is enough for the allocator's; Caddy's
  # is kept away by start-proxy.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = 30
    encrypted   = true
  }

  # A newer image, or a subnet that sorts first, is no reason to replace the host.
  lifecycle {
    ignore_changes = [ami, subnet_id]
  }

  # What the host does first needs these rights.
  depends_on = [aws_iam_role_policy.host, aws_ssm_parameter.secret, aws_ssm_parameter.rds_password]
}
