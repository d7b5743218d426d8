"""The words of the control plane: frozen dataclasses, enums and pure rules, on the standard library alone."""
