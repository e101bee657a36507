mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  resource_suffix   = "prod"
  config_path       = "tests/configs/acm-dns-dynamic.yaml"
  log_forwarder_zip = "tests/fixtures/forwarder.zip"
  abandon_vms       = true
  admin_password    = "organiser-pass"
  db_password       = "database-pass"
  access_code       = ""
}

run "nobody_is_told_unless_asked_for" {
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 0
    error_message = "Alarms cost money: only with a topic."
  }
}

run "behind_a_load_balancer_three_things_are_told" {
  variables {
    alarm_topic_arn = "arn:aws:sns:us-west-2:123456789012:ops"
  }
  assert {
    condition     = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => alarm.metric_name } == { host = "StatusCheckFailed", forwarder = "Errors", allocator = "UnHealthyHostCount" }
    error_message = "The host, the forwarder and the allocator."
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset(["arn:aws:sns:us-west-2:123456789012:ops"])])
    error_message = "Each alarm goes to the topic."
  }
}

run "without_one_the_host_and_the_forwarder_are" {
  variables {
    config_path     = "tests/configs/none-address-dynamic.yaml"
    alarm_topic_arn = "arn:aws:sns:us-west-2:123456789012:ops"
  }
  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.this)) == toset(["host", "forwarder"])
    error_message = "There is no load balancer to ask."
  }
}

run "of_a_shared_database_three_more" {
  state_key = "several"
  variables {
    config_path     = "tests/configs/several-acm-dns.yaml"
    alarm_topic_arn = "arn:aws:sns:us-west-2:123456789012:ops"
  }
  assert {
    condition = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => "${alarm.metric_name} ${alarm.comparison_operator} ${alarm.threshold}" } == {
      host                 = "StatusCheckFailed GreaterThanOrEqualToThreshold 1"
      forwarder            = "Errors GreaterThanOrEqualToThreshold 1"
      allocator            = "UnHealthyHostCount GreaterThanOrEqualToThreshold 1"
      database-storage     = "FreeStorageSpace LessThanOrEqualToThreshold 4294967296"
      database-cpu         = "CPUUtilization GreaterThanOrEqualToThreshold 80"
      database-connections = "DatabaseConnections GreaterThanOrEqualToThreshold 100"
    }
    error_message = "Storage, processors and connections."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["host"].dimensions == tomap({ AutoScalingGroupName = "lablink-allocator-prod" }) && aws_cloudwatch_metric_alarm.this["database-cpu"].dimensions == tomap({ DBInstanceIdentifier = "lablink-prod" })
    error_message = "All hosts are watched, and the database."
  }
}

run "what_is_no_topic_is_refused" {
  command = plan
  variables {
    alarm_topic_arn = "ops@example.org"
  }
  expect_failures = [var.alarm_topic_arn]
}
