"""RDS: its names, its password, the snapshots that it leaves."""
import os

from deployment import Deployment
from modes import all_pairs

BALANCED = {
    "dns": {"enabled": True, "domain": "lablink.example.org"},
    "ssl": {"provider": "acm", "certificate_arn":
            "arn:aws:acm:us-west-2:123456789012:certificate/00000000-0000-0000-0000-000000000000"},
}
KINDS = {
    "embedded": BALANCED,
    "rds": {**BALANCED, "db": {"kind": "rds"}},
    "several": {**BALANCED, "db": {"kind": "rds"}, "allocator": {"count": 2}},
}


def replaced(cloud, folder, check):
    infra = Deployment(cloud, folder).use({"db": {"kind": "rds"}})
    infra.change(check, "a deployment with RDS is made")
    passwords = [infra.secret("rds-password")]
    check("the allocator reads the password that RDS was given", told(cloud), passwords)

    for key, value in (("dbname", "other"), ("user", "somebody")):
        refused = infra.use({"db": {"kind": "rds", key: value}}).plan()
        check(f"db.{key} can't be changed without a word", not refused.ok
              and any("db.dbname and db.user say" in error for error in refused.errors), refused)
        check("and nothing is replaced for it", "aws_db_instance.allocator[\"rds\"]" not in
              {a for a, what in refused.changes.items() if what in ("replace", "delete")}, refused.changes)
    infra.use({"db": {"kind": "rds"}})

    for time in ("first", "second"):
        done = infra.run("apply", "-auto-approve", "-replace=aws_db_instance.allocator[\"rds\"]")
        passwords.append(infra.secret("rds-password"))
        check(f"a {time} replacement of the database succeeds", done.ok, done.errors)
        check("and the allocator reads the new one's password", told(cloud) and passwords[-1] != passwords[-2], passwords)
        infra.change(check, f"after the {time} replacement")
    cloud.call("rds", "delete_db_instance", DBInstanceIdentifier="lablink-prod", SkipFinalSnapshot=True)
    infra.change(check, "one that was deleted outside is made again")
    passwords.append(infra.secret("rds-password"))
    check("and the allocator reads its password", told(cloud) and passwords[-1] != passwords[-2], passwords)

    infra.variables["secrets_version"] = 2
    infra.change(check, "secrets are written anew")
    passwords.append(infra.secret("rds-password"))
    check("on both sides", passwords[-1] != passwords[-2] and calls(cloud).count("ModifyDBInstance") == 1, passwords)
    gone = infra.destroy()
    check("the deployment goes", gone.ok, gone.errors)
    snapshots = [it["DBSnapshotIdentifier"] for it in cloud.call("rds", "describe_db_snapshots")["DBSnapshots"]]
    check("each database left a snapshot of its own", len(set(snapshots)) == 3, snapshots)


def each(cloud, folder, check):
    infra = Deployment(cloud, folder)
    for kind in all_pairs(list(KINDS)):
        infra.use(KINDS[kind]).change(check, kind)
        if kind != "embedded":
            check("the allocator reads the password that RDS was given", told(cloud))
    gone = infra.destroy()
    check("the deployment goes", gone.ok, gone.errors)


def told(cloud):
    """The stand-in shows no password: whether the parameter was written for the database that is there."""
    wrote = [call for call in calls(cloud) if call in ("CreateDBInstance", "PutParameter")]
    made = len(wrote) - wrote[::-1].index("CreateDBInstance")
    return "PutParameter" in wrote[made:]


def calls(cloud):
    with open(os.path.join(cloud.folder, "calls.log"), encoding="utf-8") as log:
        return [line.split()[2] for line in log if len(line.split()) > 3 and line.split()[3] == "200"]
