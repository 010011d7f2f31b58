"""All receivers, and every choice that can be made for one."""
