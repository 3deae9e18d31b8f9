"""What `hatchway demo` tells: five tool hops outside and inside the sandbox, then real tools."""
