"""What is generated from the register and the models: AsyncAPI, topic table, topic manifests, JSON Schemas.

`python -m shared.contracts.generate --write` writes the files, `--check` tells what differs and ends with 1.
"""

from shared.contracts.generate.asyncapi import asyncapi_document
from shared.contracts.generate.files import differences, generated_files, write_files

__all__ = ["asyncapi_document", "differences", "generated_files", "write_files"]
