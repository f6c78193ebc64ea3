"""The source-filter synthesiser: glottal pulses and noise through a moving vocal tract."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.signal
from numpy.typing import NDArray

from sparsetransfer.synthetic.phonemes import Segment, articulate
from sparsetransfer.synthetic.voice import SAMPLE_RATE, Prosody, Recording, Voice

__all__ = ["record", "synthesise"]

Floats: TypeAlias = NDArray[np.float64]
Complexes: TypeAlias = NDArray[np.complex128]
Counts: TypeAlias = NDArray[np.int_]

_HOP = 160  # 10 ms: the vocal tract is constant within a frame
_FFT = 5 * _HOP  # a frame of two hops and 30 ms for the tract to ring out
_BANDWIDTHS = np.array([60.0, 90.0, 140.0, 220.0])  # of the first four formants, in hertz
_REFERENCE_LEVEL = 10 ** (-26 / 20)
_RETURN_TIME = 0.02  # time constant of glottal closure, in periods
_LEAD = 0.08  # silence before and after the speech, in seconds


def synthesise(text: str, voice: Voice, prosody: Prosody, rng: np.random.Generator) -> Floats:
    """Synthesise a text of phonemes.

    - `text`: one symbol of `sparsetransfer.synthetic.phonemes.PHONEMES` per phoneme, words
      separated by spaces.
    - `voice`: the speaker.
    - `prosody`: the manner of speaking. Mean pitch is ``voice.pitch * 2 ** (prosody.pitch / 12)``
      and the level -26 dB full scale plus ``prosody.energy``.
    - `rng`: source of durations, accents, drift, jitter, shimmer and noise.

    Returns (n_samples,): waveform at 16 kHz, with 80 ms of silence at both ends. It is not limited
    to [-1, 1]: see `record`. Raises ValueError if `text` is empty or has an unknown symbol, or the
    pitch leaves [30, 1000] Hz.

    The derivative of the glottal flow in a period, ``u`` in [0, 1), open quotient ``q``, is
    ``2u/q - 3(u/q)**2`` while the glottis is open, then an exponential return [1]_. Breath noise
    follows the flow. Both pass a cascade of digital resonators (four moving formants, fixed higher
    ones, a nasal pole-zero pair) [2]_, evaluated on the unit circle frame by frame and
    overlap-added; fricatives and bursts have one resonator of their own.

    References
    ----------
    .. [1] R. Veldhuis, "A computationally efficient alternative for the Liljencrants-Fant model
       and its perceptual evaluation", J. Acoust. Soc. Am. 103, 1998.
       https://doi.org/10.1121/1.421103
    .. [2] D. H. Klatt, "Software for a cascade/parallel formant synthesizer", J. Acoust. Soc. Am.
       67, 1980, equations 1-4. https://doi.org/10.1121/1.383940

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.synthetic.synthesis import synthesise
    >>> from sparsetransfer.synthetic.voice import Prosody, Voice
    >>> wave = synthesise("mama", Voice(pitch=200), Prosody(), np.random.default_rng(0))
    >>> bool(wave.size > 0.3 * 16_000)
    True
    """
    silence = Segment(_LEAD, (500.0, 1450.0, 2450.0, 3450.0), pause=True)
    segments = articulate(text, prosody, rng)
    segments = [silence, *segments, silence]
    lengths = np.maximum(1, np.rint([s.duration * SAMPLE_RATE for s in segments])).astype(int)
    accents = _accents(segments, lengths, rng)
    pitch = _pitch_contour(accents, voice, prosody, rng)
    loudness = 10 ** (prosody.emphasis * accents / 20)

    pulses, flow = _glottal_source(pitch, voice, prosody, rng)
    breathiness = voice.breathiness + prosody.breathiness
    breath = breathiness * (0.2 + 0.8 * flow) * rng.standard_normal(pitch.size)
    voicing = _smooth([s.voicing for s in segments], lengths, 0.008) * loudness
    voiced = (pulses + breath) * voicing
    noise = _smooth([s.noise for s in segments], lengths, 0.004)
    # effort raises the noise of fricatives as it raises the upper harmonics
    noise *= 10 ** (1.5 * (voice.tilt + prosody.tilt) / 20)
    turbulence = noise * rng.standard_normal(pitch.size)

    tract, constriction = _transfer_functions(segments, lengths, voice, prosody)
    wave = _filter_frames(voiced, tract) + _filter_frames(turbulence, constriction)
    speech = np.repeat([not s.pause for s in segments], lengths)
    level = np.sqrt(np.mean(wave[speech] ** 2))
    return np.asarray(wave * (_REFERENCE_LEVEL * 10 ** (prosody.energy / 20) / level))


def _smooth(values: list[float], lengths: Counts, seconds: float) -> Floats:
    """Per-sample track of per-segment values, with transitions of the given length."""
    size = max(1, round(seconds * SAMPLE_RATE))
    track = np.repeat(np.asarray(values, dtype=float), lengths)
    for _ in range(2):
        track = scipy.ndimage.uniform_filter1d(track, size)
    return track


def _accents(segments: list[Segment], lengths: Counts, rng: np.random.Generator) -> Floats:
    """Bumps of random height (mean 1) on the accented vowels, 0 elsewhere."""
    heights = [max(0.0, 1 + 0.3 * rng.standard_normal()) if s.accented else 0.0 for s in segments]
    return _smooth(heights, lengths, 0.08)


def _pitch_contour(
    accents: Floats, voice: Voice, prosody: Prosody, rng: np.random.Generator
) -> Floats:
    """Fundamental frequency per sample: accents and slow drift, standardised, plus the slope."""
    n_samples = accents.size
    knots = rng.standard_normal(4 + n_samples // 4000)
    drift = np.interp(np.linspace(0, knots.size - 1, n_samples), np.arange(knots.size), knots)
    shape = 1.5 * accents + 0.5 * drift
    # a single accent in a long text would otherwise stand many deviations high
    shape = np.tanh((shape - shape.mean()) / (1.5 * shape.std()))
    shape = (shape - shape.mean()) / shape.std()
    line = np.linspace(-0.5, 0.5, n_samples)
    semitones = prosody.pitch + prosody.pitch_range * shape + prosody.pitch_slope * line
    pitch = voice.pitch * 2 ** (semitones / 12)
    if not (pitch.min() >= 30 and pitch.max() <= 1000):
        raise ValueError(
            f"voice and prosody lead to a pitch of {pitch.min():.0f} to {pitch.max():.0f} Hz, "
            "expected within [30, 1000] Hz"
        )
    return np.asarray(pitch)


def _glottal_source(
    pitch: Floats, voice: Voice, prosody: Prosody, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return the derivative of the glottal flow (-1 at closure) and the flow (peak 1)."""
    samples = np.arange(pitch.size)
    cycles = np.cumsum(pitch) / SAMPLE_RATE
    periods = np.diff(np.interp(np.arange(int(cycles[-1]) + 1), cycles, samples))
    irregular = 1 + (voice.jitter + prosody.jitter) * rng.standard_normal(periods.size)
    periods = periods * np.clip(irregular, 0.6, 1.4)
    # jitter can shorten the whole; the last period repeats until the end
    periods = np.append(periods, np.full(2 + periods.size // 2, periods[-1]))
    starts = np.concatenate([[0.0], np.cumsum(periods)])
    index = np.searchsorted(starts, samples, side="right") - 1
    phase = (samples - starts[index]) / periods[index]
    strength = 1 + (voice.shimmer + prosody.shimmer) * rng.standard_normal(periods.size)
    amplitude = np.clip(strength, 0.2, 1.8)[index]

    opening = np.minimum(phase / voice.open_quotient, 1.0)
    rest = np.exp(-(1 - voice.open_quotient) / _RETURN_TIME)
    closing = np.exp(-np.maximum(phase - voice.open_quotient, 0.0) / _RETURN_TIME)
    closed = -(closing - rest) / (1 - rest)
    derivative = np.where(opening < 1, 2 * opening - 3 * opening**2, closed)
    flow = 6.75 * opening**2 * (1 - opening)
    return amplitude * derivative, amplitude * flow


def _resonator(frequency: Floats, bandwidth: Floats | float, delay: Complexes) -> Complexes:
    """Klatt's digital resonator, unit gain at 0 Hz, at the points ``delay`` = 1/z."""
    radius = np.exp(-np.pi * np.asarray(bandwidth) / SAMPLE_RATE)
    b = 2 * radius * np.cos(2 * np.pi * frequency / SAMPLE_RATE)
    c = -(radius**2)
    return np.asarray((1 - b - c) / (1 - delay * (b + c * delay)))


def _transfer_functions(
    segments: list[Segment], lengths: Counts, voice: Voice, prosody: Prosody
) -> tuple[Complexes, Complexes]:
    """Vocal tract and constriction, each of shape (n_frames, n_frequencies)."""
    n_frames = -(-int(lengths.sum()) // _HOP) + 1
    owner = np.searchsorted(np.cumsum(lengths), np.arange(n_frames) * _HOP, side="right")
    owner = np.minimum(owner, len(segments) - 1)
    zeros = [[s.zero or 270.0, s.centre, s.width] for s in segments]
    targets = np.hstack([[s.formants for s in segments], zeros])[owner]
    tracks = scipy.ndimage.uniform_filter1d(targets, 5, axis=0)
    tracks = scipy.ndimage.uniform_filter1d(tracks, 3, axis=0)

    hertz = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
    delay = np.exp(-2j * np.pi * hertz / SAMPLE_RATE)
    scale = voice.formant_scale
    effort = (voice.tilt + prosody.tilt) / (20 * np.log10(2))
    fixed = (1 + 1j * hertz / 300) ** effort  # minimum phase, hence no echo ahead of a pulse
    fixed = fixed * _resonator(np.array(270.0 * scale), 100.0, delay)
    for formant in np.arange(4500.0, 7600.0 / scale, 1000.0):
        fixed = fixed * _resonator(np.array(formant * scale), 300.0, delay)
    tract = fixed / _resonator(scale * tracks[:, 4, None], 100.0, delay)
    for k, bandwidth in enumerate(_BANDWIDTHS):
        tract = tract * _resonator(scale * tracks[:, k, None], bandwidth, delay)
    # a noise band has its peak at 1 and, as it is radiated, a zero at 0 Hz
    centre, width = tracks[:, 5, None], tracks[:, 6, None]
    band = _resonator(centre, width, delay) * (1 - delay)
    return tract, band / np.abs(band).max(axis=1, keepdims=True)


def _filter_frames(signal: Floats, transfer: Complexes) -> Floats:
    """Filter with one transfer function per frame: Hann windows that sum to 1, overlap-add."""
    n_frames = transfer.shape[0]
    padded = np.zeros((n_frames + 1) * _HOP)
    padded[_HOP : _HOP + signal.size] = signal
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * _HOP)[::_HOP]
    window = scipy.signal.windows.hann(2 * _HOP, sym=False)
    spectrum = scipy.fft.rfft(frames * window, _FFT, axis=1)
    pieces = scipy.fft.irfft(spectrum * transfer, _FFT, axis=1).reshape(n_frames, -1, _HOP)
    total = np.zeros((n_frames + pieces.shape[1], _HOP))
    for k in range(pieces.shape[1]):
        total[k : k + n_frames] += pieces[:, k]
    return np.asarray(total.ravel()[_HOP : _HOP + signal.size])


def record(wave: Floats, recording: Recording, rng: np.random.Generator) -> Floats:
    """Record a waveform: room, microphone, noise and level.

    `wave` (n_samples,): waveform at 16 kHz. `recording`: place and microphone. `rng`: source of the
    background noise. Returns (n_samples,): the recording, within [-0.95, 0.95]: a louder one is
    turned down as a whole, not clipped. Raises ValueError if `wave` is not one-dimensional, empty
    or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsetransfer.synthetic.voice import Recording
    >>> tone = np.sin(np.arange(16000) / 20)
    >>> recorded = record(tone, Recording(), np.random.default_rng(0))
    >>> recorded.shape, bool(np.abs(recorded).max() <= 0.95)
    ((16000,), True)
    """
    wave = np.asarray(wave, dtype=float)
    if wave.ndim != 1 or not wave.size or not np.isfinite(wave).all():
        raise ValueError(f"wave must be a finite vector of samples, got shape {wave.shape}")
    room = np.random.default_rng(recording.room)
    time = np.arange(1, int(recording.reverberation * SAMPLE_RATE)) / SAMPLE_RATE
    echo = room.standard_normal(time.size) * 10 ** (-3 * time / recording.reverberation)
    echo *= np.sqrt(recording.wetness / np.sum(echo**2))
    heard = wave + scipy.signal.fftconvolve(wave, np.append(0.0, echo))[: wave.size]

    edges = (recording.low_cut, recording.high_cut)
    sos = scipy.signal.butter(2, edges, btype="bandpass", fs=SAMPLE_RATE, output="sos")
    sections = np.vstack([sos, _peak(recording.presence_frequency, recording.presence)])
    heard = scipy.signal.sosfilt(sections, heard) * 10 ** (recording.gain / 20)

    hertz = np.fft.rfftfreq(wave.size, 1 / SAMPLE_RATE)
    slope = np.maximum(hertz, 100.0) ** (recording.noise_slope / (20 * np.log10(2)))
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(wave.size)) * slope, wave.size)
    noise *= 10 ** (recording.noise / 20) / np.sqrt(np.mean(noise**2))
    heard = heard + noise
    return np.asarray(heard * min(1.0, 0.95 / float(np.abs(heard).max())))


def _peak(frequency: float, decibels: float) -> Floats:
    """Second-order peaking section with a quality of 1, as (b0, b1, b2, 1, a1, a2)."""
    gain = 10 ** (decibels / 40)
    angle = 2 * np.pi * frequency / SAMPLE_RATE
    alpha = np.sin(angle) / 2
    b = np.array([1 + alpha * gain, -2 * np.cos(angle), 1 - alpha * gain])
    a = np.array([1 + alpha / gain, -2 * np.cos(angle), 1 - alpha / gain])
    return np.asarray(np.concatenate([b, a]) / a[0])
