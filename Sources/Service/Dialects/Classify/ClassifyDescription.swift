extension APIDescription {
    static let classify = APIDescription(
        paths: #"""
            "/classify": {
              "post": {
                "operationId": "classify",
                "summary": "Label an image, or several.",
                "description": "The image is the form's field 'image', which can be repeated, or the body itself. The bytes decide what it is, whatever type is declared.",
                "parameters": [
                  {"name": "top", "in": "query", "description": "How many labels; at most as many as the model has classes.", "schema": {"type": "integer", "minimum": 1, "default": 5}},
                  {"name": "model", "in": "query", "description": "A name that /models gives, or NAME@VERSION. Without it the first that is given by --model is asked, or the only one.", "schema": {"type": "string"}},
                  {"name": "gates", "in": "query", "description": "The gates of the network's squeeze-and-excitation blocks: their means and histograms, or with 'full' every value too.", "schema": {"type": "string", "enum": ["0", "1", "full"], "default": "0"}},
                  {"name": "input", "in": "query", "description": "1: the crop that the network saw, as a PNG file in base64.", "schema": {"type": "string", "enum": ["0", "1"], "default": "0"}},
                  {"name": "map", "in": "query", "description": "Where in the image a class is seen, its class activation map: 1 for the most probable class, or a class's name as predictions have it. A model whose network does not end in global average pooling and a linear layer refuses it.", "schema": {"type": "string", "default": "0"}},
                  {"name": "X-Request-Id", "in": "header", "description": "Comes back in the answer and in the log; made up where absent.", "schema": {"type": "string", "maxLength": 128}},
                  {"$ref": "#/components/parameters/X-Deadline-Ms"}, {"$ref": "#/components/parameters/X-Priority"},
                  {"name": "traceparent", "in": "header", "description": "W3C Trace Context: goes into the log, and is the parent of the spans where requests are traced.", "schema": {"type": "string", "maxLength": 128}}
                ],
                \#(imageBody(field: "image")),
                "responses": {
                  "200": {
                    "description": "The labels: of one image, or of several in their order. One bad image of several spoils only its own entry.",
                    "headers": {
                      "X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"},
                      "ETag": {"$ref": "#/components/headers/ETag"},
                      "Cache-Status": {"$ref": "#/components/headers/Cache-Status"}
                    },
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}}
                  },
                  \#(APIDescription.refusals("Problem", again: "TryAgain"))
                }
              }
            }
            """#,
        schemas: #"""
            "Answer": \#(imageAnswer(of: "Classification")),
            "Classification": {
              "type": "object",
              "required": ["predictions", "image", "timing_ms", "batch_size"],
              "properties": {
                "predictions": {"type": "array", "description": "Best first.", "minItems": 1, "items": {"$ref": "#/components/schemas/Prediction"}},
                "image": {"$ref": "#/components/schemas/Image"},
                "timing_ms": {"$ref": "#/components/schemas/Timing"},
                "batch_size": {"type": "integer", "minimum": 1, "description": "Images that ran together with it."},
                "gates": {"type": "array", "description": "Where the request asked for them; in the network's order.", "items": {"$ref": "#/components/schemas/Gate"}},
                "input": {"$ref": "#/components/schemas/Input"},
                "map": {"$ref": "#/components/schemas/ClassMap"}
              }
            },
            "Input": {
              "type": "object",
              "description": "What the network saw; where the request asked for it.",
              "required": ["width", "height", "description", "png"],
              "properties": {
                "width": {"type": "integer", "minimum": 1},
                "height": {"type": "integer", "minimum": 1},
                "description": {"type": "string", "description": "How it was made of the image, in words."},
                "png": {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/png"}
              }
            },
            "ClassMap": {
              "type": "object",
              "description": "Where a class is seen (arXiv 1512.04150), over the crop; where the request asked for it. The mean of the values and the bias make the class's logit.",
              "required": ["label", "class", "index", "height", "width", "bias", "values"],
              "properties": {
                "label": {"type": "string"},
                "class": {"type": "string"},
                "index": {"type": "integer", "minimum": 0},
                "height": {"type": "integer", "minimum": 1},
                "width": {"type": "integer", "minimum": 1},
                "bias": {"type": "number", "description": "The classifier's, for the class."},
                "values": {"type": "array", "description": "Rows from the top.", "items": {"type": "array", "items": {"type": "number"}}}
              }
            },
            "Gate": {
              "type": "object",
              "required": ["name", "channels", "mean", "histogram"],
              "properties": {
                "name": {"type": "string", "description": "The block's, as the checkpoint has it: layer1.0.se."},
                "channels": {"type": "integer", "minimum": 1},
                "mean": {"type": "number", "description": "Over the channels."},
                "histogram": {"type": "array", "description": "How many channels' values lie in each tenth of 0 to 1.", "items": {"type": "integer", "minimum": 0}, "minItems": 10, "maxItems": 10},
                "values": {"type": "array", "description": "Of each channel; with gates=full.", "items": {"type": "number"}}
              }
            },
            "Prediction": {
              "type": "object",
              "required": ["label", "class", "index", "score"],
              "properties": {
                "label": {"type": "string", "description": "The class's name for people."},
                "synonyms": {"type": "array", "description": "Its other names; absent where it has none.", "items": {"type": "string"}},
                "class": {"type": "string", "description": "Its short name: a WordNet id, say."},
                "index": {"type": "integer", "minimum": 0},
                "score": {"type": "number", "minimum": 0, "maximum": 1, "description": "Softmax over all classes; of a model with one output, or trained for several labels at once, each class's own sigmoid."}
              }
            }
            """#)
}
