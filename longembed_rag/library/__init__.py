"""The whole tool in one object; commands and plugs are skins over it."""
