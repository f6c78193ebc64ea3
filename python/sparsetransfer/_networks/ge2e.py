"""GE2E, a speaker verification network: three LSTM layers and a projection."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Ge2e"]


class Ge2e(nn.Module):
    """LSTM trained with the generalised end-to-end loss, by the names of the published state dict.

    `n_bands`: Mel bands of a frame. `width`: units of every layer, and size of the embedding.

    References
    ----------
    L. Wan, Q. Wang, A. Papir and I. Lopez Moreno, "Generalized End-to-End Loss for Speaker
    Verification", ICASSP 2018, doi:10.1109/ICASSP.2018.8462665: sections 2.1 and 3.2.
    """

    def __init__(self, n_bands: int = 40, width: int = 256) -> None:
        super().__init__()
        self.n_bands = n_bands
        # One module of three layers, as in the state dict; its layers are run in turn.
        self.lstm = nn.LSTM(n_bands, width, 3, batch_first=True)
        self.linear = nn.Linear(width, width)
        self.widths = {"lstm1": width, "lstm2": width, "lstm3": width, "embedding": width}
        self._cells: list[nn.LSTM] = []

    def forward(
        self, frames: Tensor, lengths: Tensor | None = None, layers: Sequence[str] = ("embedding",)
    ) -> dict[str, Tensor]:
        """Compute the outputs of layers.

        `frames` (n_windows, n_frames, n_bands): Mel powers. `lengths` (n_windows,): frames of each
        window, the rest of its row is padding; None: all of them. `layers`: keys of `widths`.
        Returns: ``embedding``, of unit length, has the shape (n_windows, width); the LSTM's layers
        (n_windows, width, n_frames) with undefined values in padded frames.
        """
        found, hidden = {}, frames
        for number, cell in enumerate(self._layers(), 1):
            hidden, _ = cell(hidden)
            if f"lstm{number}" in layers:
                found[f"lstm{number}"] = hidden.transpose(1, 2)
        if "embedding" in layers:
            if lengths is None:
                last = hidden[:, -1]
            else:
                at = (lengths - 1).view(-1, 1, 1).expand(-1, 1, hidden.shape[2])
                last = hidden.gather(1, at).squeeze(1)
            found["embedding"] = functional.normalize(functional.relu(self.linear(last)), dim=1)
        return found

    def _layers(self) -> list[nn.LSTM]:
        """Return the layers as networks of one layer that share the parameters."""
        if not self._cells:
            for number in range(self.lstm.num_layers):
                size = self.lstm.hidden_size
                cell = nn.LSTM(self.n_bands if number == 0 else size, size, batch_first=True)
                for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                    setattr(cell, f"{kind}_l0", getattr(self.lstm, f"{kind}_l{number}"))
                self._cells.append(cell)
        return self._cells
