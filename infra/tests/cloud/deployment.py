"""One deployment of infra in a folder of its own."""
import json
import os

from scene import Scene, tags

INFRA = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONFIGS = os.path.join(INFRA, "tests", "configs")
ZIP = os.path.join(INFRA, "tests", "fixtures", "forwarder.zip")


class Deployment(Scene):
    def __init__(self, cloud, folder):
        super().__init__(cloud, folder, "prod", module=INFRA)
        self.environment.update(TF_VAR_admin_password="organiser-pass")
        self.variables = {"resource_suffix": "prod", "log_forwarder_zip": ZIP, "database_deletion_protection": False}

    def use(self, config):
        """From now on the file of tests/configs, or keys and values of one's own."""
        path = os.path.join(CONFIGS, config) if isinstance(config, str) else os.path.join(self.folder, "own.json")
        if not isinstance(config, str):
            with open(path, "w", encoding="utf-8") as file:
                json.dump({"bucket_name": "lablink-test-state", "ssl": {"plain_http": True}, **config}, file)
        self.variables["config_path"] = path
        return self

    def change(self, check, sentence):
        """Applies, and looks for a second difference."""
        done = self.apply()
        check(sentence, done.ok, done.errors)
        again = self.plan()
        changed = {address: action for address, action in again.changes.items() if action != "noop"}
        check(f"{sentence}: nothing is left to do", again.ok and not changed, (again.errors, changed))
        return done

    def secret(self, name):
        path = f"/lablink/prod/{name}"
        return self.cloud.call("ssm", "get_parameter", Name=path, WithDecryption=True)["Parameter"]["Value"]


def lasting_address(cloud):
    """Made by hand, before everything else."""
    name = [{"Key": "Name", "Value": "lablink-eip-prod"}, {"Key": "Environment", "Value": "prod"}]
    return cloud.call("ec2", "allocate_address", Domain="vpc", TagSpecifications=[
        {"ResourceType": "elastic-ip", "Tags": name}])["PublicIp"]


def addresses(cloud):
    return {address["PublicIp"]: tags(address) for address in cloud.call("ec2", "describe_addresses")["Addresses"]}
