"""Where a release goes: the outputs of `infra/main.bicep`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self


class OutputsError(ValueError):
    """The outputs are not those of `infra/main.bicep`; the text names what is missing."""


@dataclass(frozen=True)
class Infrastructure:
    """One environment in Azure. The names of the outputs are those of the members, in capitals."""

    resource_group: str
    function_app_name: str
    service_url: str
    model_store: str
    storage_account_name: str
    deployment_container: str

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read what `az deployment group create --query properties.outputs` has written.

        Raises:
            OutputsError: An output is missing, or the file has none.
        """
        try:
            content = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise OutputsError(f"{file} has no outputs: {error}") from error
        return cls.from_outputs(content)

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, Any]) -> Self:
        """Take the outputs by name.

        The case is not looked at: on its way through Azure's serialisers FUNCTION_APP_NAME may become
        functioN_APP_NAME.

        Raises:
            OutputsError: One is missing or empty.
        """
        given = {name.lower(): output["value"] for name, output in outputs.items()}
        names = [field.name for field in fields(cls)]
        if missing := [name.upper() for name in names if not given.get(name)]:
            raise OutputsError(f"infra/main.bicep has no output {', '.join(missing)}.")
        return cls(**{name: given[name] for name in names})


#: The outputs that releases read.
OUTPUTS = tuple(field.name.upper() for field in fields(Infrastructure))
