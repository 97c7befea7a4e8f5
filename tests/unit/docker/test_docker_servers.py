"""The containers of a test run: what is told to the broker, without an engine."""

from tests.support.docker_stack import compose_servers, kafka_environment, start_file


def test_the_broker_knows_itself_by_no_name_of_a_network() -> None:
    given = kafka_environment(compose_servers()["kafka"]["environment"])
    assert given["KAFKA_CONTROLLER_QUORUM_VOTERS"] == "1@localhost:9093"
    assert given["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert not [value for value in given.values() if "kafka:" in value or "${" in value]


def test_the_start_file_tells_where_clients_find_the_broker() -> None:
    told, run = start_file("192.0.2.1", 32768).splitlines()
    assert told == "export KAFKA_ADVERTISED_LISTENERS=INTERNAL://localhost:19092,HOST://192.0.2.1:32768"
    assert run == "exec /etc/kafka/docker/run"


def test_nothing_of_the_servers_commands_is_left_to_be_filled_in_but_valkeys_password() -> None:
    words = [word for part in compose_servers().values() for word in part.get("command", [])]
    assert [word for word in words if "${" in word] == ["${VALKEY_PASSWORD:-development}"]
