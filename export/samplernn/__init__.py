"""The SampleRNN as an instrument file, and the audio that it generates by itself."""
