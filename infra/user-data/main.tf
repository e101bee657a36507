locals {
  # In single quotes a shell reads everything as it stands, but for the quote itself.
  env_file = join("", [
    for name, value in var.environment : "${name}='${replace(value, "'", "'\\''")}'\n"
  ])

  scripts = { for name in ["setup-host", "start-allocator", "start-proxy", "tell-failure"] : "/opt/lablink/${name}" => file("${path.module}/files/${name}") }

  always = {
    "/etc/lablink/host.env"                         = local.env_file
    "/etc/lablink/host_override.tf"                 = var.module_override
    "/etc/lablink/config/config.yaml"               = var.config_yaml
    "/etc/systemd/system/lablink-allocator.service" = file("${path.module}/files/lablink-allocator.service")
    "/etc/systemd/system/lablink-failure.service"   = file("${path.module}/files/lablink-failure.service")
  }
  startup_script = var.startup_script == "" ? {} : {
    "/etc/lablink/config/custom-startup.sh" = var.startup_script
  }
  proxy = var.proxy == null ? {} : {
    "/etc/lablink/Caddyfile"                    = file("${path.module}/caddy/${var.proxy}.Caddyfile")
    "/etc/systemd/system/lablink-proxy.service" = file("${path.module}/files/lablink-proxy.service")
  }

  files = concat(
    [for path, text in local.scripts : { path = path, text = text, mode = "0755" }],
    [for path, text in merge(local.always, local.startup_script, local.proxy) : { path = path, text = text, mode = "0644" }],
  )

  # Each file as Base64, so that nothing in it can be read as anything else on the way.
  cloud_init = {
    write_files = [
      for file in local.files : {
        path        = file.path
        content     = base64encode(file.text)
        encoding    = "b64"
        permissions = file.mode
        owner       = "root:root"
      }
    ]
    runcmd = [["/opt/lablink/setup-host"]]
  }
  cloud_config = join("\n", ["#cloud-config", yamlencode(local.cloud_init)])
  compressed   = base64gzip(local.cloud_config)
}
