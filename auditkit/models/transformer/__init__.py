"""Three transformers of one attention and one block, `blocks`, by the names of the command line.

    encoder          reads a text whole and answers about it        Devlin 2019 (BERT)
    decoder          says which token comes next                    Radford 2018, 2019 (GPT)
    encoder-decoder  reads a text and writes another                Vaswani 2017, Raffel 2020 (T5)

`weights` shows the attention weights of any of them; `auditkit.models.decoding` writes texts.
"""

from auditkit.models.transformer.decoder import Decoder
from auditkit.models.transformer.encoder import Encoder, mask_tokens
from auditkit.models.transformer.encoder_decoder import EncoderDecoder
from auditkit.models.transformer.weights import attention_weights

__all__ = ["Decoder", "Encoder", "EncoderDecoder", "attention_weights", "mask_tokens"]
