from hatchway.compose.functions import ToolError as ToolError
from hatchway.compose.library import AsyncSandbox as AsyncSandbox
from hatchway.compose.library import Sandbox as Sandbox
from hatchway.compose.outcome import CodeOutcome as CodeOutcome
from hatchway.core.code import CodeException as CodeException
from hatchway.core.errors import CodeError as CodeError
from hatchway.core.errors import HatchwayError as HatchwayError

__version__: str
