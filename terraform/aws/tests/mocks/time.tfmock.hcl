mock_resource "time_static" {
  defaults = { unix = 1700000000, rfc3339 = "2023-11-14T22:13:20Z" }
}
