"""A server of the Model Context Protocol: an assistant may look, and changes nothing.

Off until a person adds `dl-magics mcp` to the settings of an assistant. It has no tool that costs
or changes something: what these do, a person types as a magic.
"""
